"""PyTorch's side of the cases torch-files and resume, CHANNELS wide: answers commands on stdin, one JSON line each.

  make FOLDER           writes generator.pth and critic.pth, with Adam
  save FOLDER sync?     torch.save of both, seconds
  load FOLDER           torch.load of both and load_state_dict into models and optimizers, seconds
"""
import json
import os
import sys
import time

import torch

from pytorch_nets import load as load_into, pair


def content(net, optimizer):
    return {"state_dict": net.state_dict(), "optimizer": optimizer.state_dict()}


torch.manual_seed(1)
channels = int(sys.argv[1])
nets = pair(channels)
for net, optimizer in nets.values():
    for parameter in net.parameters():
        parameter.grad = torch.randn(parameter.shape)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
targets = pair(channels)


def make(folder):
    for name, both in nets.items():
        torch.save(content(*both), os.path.join(folder, f"{name}.pth"))


def save(folder, sync=""):
    for name, both in nets.items():
        with open(os.path.join(folder, f"{name}.torch.pth"), "xb") as file:
            torch.save(content(*both), file)
            if sync:
                file.flush()
                os.fsync(file.fileno())


def load(folder):
    for name, both in targets.items():
        load_into(both, os.path.join(folder, f"{name}.pth"))


commands = {"make": make, "save": save, "load": load}
print(json.dumps({"torch": torch.__version__, "threads": torch.get_num_threads()}), flush=True)
for line in sys.stdin:
    name, *arguments = line.split()
    began = time.perf_counter()
    commands[name](*arguments)
    print(json.dumps(time.perf_counter() - began), flush=True)
