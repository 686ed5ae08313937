"""The users' networks at full size as PyTorch modules, with their Adam: what torch-files.py and resume.py load and save."""
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
    def __init__(self, z, c):
        super().__init__()
        self.initial = nn.Sequential(nn.Identity(), nn.ConvTranspose2d(z, c, 4, 1, 0), nn.Identity(), WSConv2d(c, c))
        self.initial_rgb = WSConv2d(c, 3, 1, 0)
        self.prog_blocks, self.rgb_layers = nn.ModuleList(), nn.ModuleList([self.initial_rgb])
        for a, b in zip(FACTORS, FACTORS[1:]):
            self.prog_blocks.append(ConvBlock(int(c * a), int(c * b)))
            self.rgb_layers.append(WSConv2d(int(c * b), 3, 1, 0))


class Critic(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.prog_blocks, self.rgb_layers = nn.ModuleList(), nn.ModuleList()
        for i in range(len(FACTORS) - 1, 0, -1):
            self.prog_blocks.append(ConvBlock(int(c * FACTORS[i]), int(c * FACTORS[i - 1])))
            self.rgb_layers.append(WSConv2d(3, int(c * FACTORS[i]), 1, 0))
        self.initial_rgb = WSConv2d(3, c, 1, 0)
        self.rgb_layers.append(self.initial_rgb)
        self.final_block = nn.Sequential(
            WSConv2d(c + 1, c), nn.Identity(), WSConv2d(c, c, 4, 0), nn.Identity(), WSConv2d(c, 1, 1, 0)
        )


def pair(channels=512):
    nets = {"generator": Generator(channels, channels), "critic": Critic(channels)}
    return {name: (net, torch.optim.Adam(net.parameters(), lr=1e-3, betas=(0.0, 0.99))) for name, net in nets.items()}


def load(both, path):
    net, optimizer = both
    saved = torch.load(path)
    net.load_state_dict(saved["state_dict"])
    optimizer.load_state_dict(saved["optimizer"])
