"""What a PyTorch user waits for before training goes on: python3 resume.py CHANNELS GENERATOR CRITIC

Imports torch, builds both networks and their Adam, loads both files into them, and says so.
"""
import sys

from pytorch_nets import load, pair

channels, *paths = sys.argv[1:]
for both, path in zip(pair(int(channels)).values(), paths):
    load(both, path)
print("ready", flush=True)
