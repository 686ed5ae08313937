"""PyTorch's side of torch-files.mjs: answers commands on stdin, one JSON line each.

  make FOLDER           writes generator.pth and critic.pth, full size, with Adam
  save FOLDER sync?     torch.save of both, seconds
  load FOLDER           torch.load of both and load_state_dict into models and optimizers, seconds
"""
import json
import os
import sys
import time

import torch
from torch import nn

FACTORS = [1, 1, 1, 1, 1 / 2, 1 / 4, 1 / 8, 1 / 16, 1 / 32]


class WSConv2d(nn.Module):
    def __init__(self, cin, cout, kernel=3, padding=1):
        super().__init__()
        self.conv = nn.Conv2d(cin, cout, kernel, padding=padding)
        self.bias = self.conv.bias
        self.conv.bias = None


class ConvBlock(nn.Module):
    def __init__(self, cin, cout):
        super().__init__()
        self.conv1 = WSConv2d(cin, cout)
        self.conv2 = WSConv2d(cout, cout)


class Generator(nn.Module):
    def __init__(self, z=512, c=512):
        super().__init__()
        self.initial = nn.Sequential(nn.Identity(), nn.ConvTranspose2d(z, c, 4, 1, 0), nn.Identity(), WSConv2d(c, c))
        self.initial_rgb = WSConv2d(c, 3, 1, 0)
        self.prog_blocks, self.rgb_layers = nn.ModuleList(), nn.ModuleList([self.initial_rgb])
        for a, b in zip(FACTORS, FACTORS[1:]):
            self.prog_blocks.append(ConvBlock(int(c * a), int(c * b)))
            self.rgb_layers.append(WSConv2d(int(c * b), 3, 1, 0))


class Critic(nn.Module):
    def __init__(self, c=512):
        super().__init__()
        self.prog_blocks, self.rgb_layers = nn.ModuleList(), nn.ModuleList()
        for i in range(len(FACTORS) - 1, 0, -1):
            self.prog_blocks.append(ConvBlock(int(c * FACTORS[i]), int(c * FACTORS[i - 1])))
            self.rgb_layers.append(WSConv2d(3, int(c * FACTORS[i]), 1, 0))
        self.rgb_layers.append(WSConv2d(3, c, 1, 0))
        self.final_block = nn.Sequential(WSConv2d(c + 1, c), nn.Identity(), WSConv2d(c, c, 4, 0), nn.Identity(), WSConv2d(c, 1, 1, 0))


def pair():
    nets = {"generator": Generator(), "critic": Critic()}
    return {name: (net, torch.optim.Adam(net.parameters(), lr=1e-3, betas=(0.0, 0.99))) for name, net in nets.items()}


def content(net, optimizer):
    return {"state_dict": net.state_dict(), "optimizer": optimizer.state_dict()}


torch.manual_seed(1)
nets = pair()
for net, optimizer in nets.values():
    for parameter in net.parameters():
        parameter.grad = torch.randn(parameter.shape)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
targets = pair()


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
    for name, (net, optimizer) in targets.items():
        saved = torch.load(os.path.join(folder, f"{name}.pth"))
        net.load_state_dict(saved["state_dict"])
        optimizer.load_state_dict(saved["optimizer"])


commands = {"make": make, "save": save, "load": load}
print(json.dumps({"torch": torch.__version__, "threads": torch.get_num_threads()}), flush=True)
for line in sys.stdin:
    name, *arguments = line.split()
    began = time.perf_counter()
    commands[name](*arguments)
    print(json.dumps(time.perf_counter() - began), flush=True)
