"""One configuration of the training step in PyTorch: python3 pytorch_step.py CHANNELS RESOLUTION BATCH STEPS THREADS [FORM]

FORM: plain (the default), fused (Adam as one kernel), or channels_last (that, and images as (N, H, W, C) in memory).
The same networks, losses and updates as ours (formulas: Karras et al. 2018; Gulrajani et al. 2017), as a PyTorch user
would write them. Prints one JSON line: milliseconds of each step but the first, and the peak memory of the process.
"""
import json
import resource
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F

LEVELS = 9


def width(channels, steps):
    return max(1, channels // 2 ** max(0, steps - 3))


class Equalised(nn.Module):
    def __init__(self, cin, cout, kernel, padding):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(cout, cin, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(cout))
        self.factor = (2 / (cin * kernel**2)) ** 0.5
        self.padding = padding

    def forward(self, x):
        return F.conv2d(x * self.factor, self.weight, self.bias, padding=self.padding)


def leaky(x):
    return F.leaky_relu(x, 0.2)


def pixel_norm(x):
    return x * torch.rsqrt((x * x).mean(1, keepdim=True) + 1e-8)


class Generator(nn.Module):
    def __init__(self, latent, c):
        super().__init__()
        self.first = nn.ConvTranspose2d(latent, c, 4)
        self.second = Equalised(c, c, 3, 1)
        pairs = [(width(c, s), width(c, s + 1)) for s in range(LEVELS - 1)]
        self.blocks = nn.ModuleList(
            nn.ModuleList([Equalised(a, b, 3, 1), Equalised(b, b, 3, 1)]) for a, b in pairs
        )
        self.to_rgb = nn.ModuleList(Equalised(width(c, s), 3, 1, 0) for s in range(LEVELS))

    def forward(self, z, alpha, steps):
        x = pixel_norm(leaky(self.second(leaky(self.first(pixel_norm(z))))))
        up = x
        for block in self.blocks[:steps]:
            up = F.interpolate(x, scale_factor=2)
            x = up
            for conv in block:
                x = pixel_norm(leaky(conv(x)))
        if steps == 0:
            return self.to_rgb[0](x)
        return torch.tanh(alpha * self.to_rgb[steps](x) + (1 - alpha) * self.to_rgb[steps - 1](up))


class Critic(nn.Module):
    def __init__(self, c):
        super().__init__()
        pairs = [(width(c, s + 1), width(c, s)) for s in range(LEVELS - 1)]
        self.blocks = nn.ModuleList(
            nn.ModuleList([Equalised(a, b, 3, 1), Equalised(b, b, 3, 1)]) for a, b in pairs
        )
        self.from_rgb = nn.ModuleList(Equalised(3, width(c, s), 1, 0) for s in range(LEVELS))
        self.last = nn.ModuleList([Equalised(c + 1, c, 3, 1), Equalised(c, c, 4, 0), Equalised(c, 1, 1, 0)])

    def forward(self, images, alpha, steps):
        x = leaky(self.from_rgb[steps](images))
        for s in reversed(range(steps)):
            for conv in self.blocks[s]:
                x = leaky(conv(x))
            x = F.avg_pool2d(x, 2)
            if s == steps - 1:
                old = leaky(self.from_rgb[s](F.avg_pool2d(images, 2)))
                x = alpha * x + (1 - alpha) * old
        spread = torch.std(x, dim=0).mean().expand(x.shape[0], 1, 4, 4)
        x = torch.cat([x, spread], 1)
        return self.last[2](leaky(self.last[1](leaky(self.last[0](x))))).flatten(1)


def train_step(g, c, adam_g, adam_c, z, real, beta, alpha, steps):
    fake = g(z, alpha, steps)
    d_real, d_fake = c(real, alpha, steps), c(fake.detach(), alpha, steps)
    between = (real * beta + fake.detach() * (1 - beta)).requires_grad_(True)
    slope = torch.autograd.grad(c(between, alpha, steps).sum(), between, create_graph=True)[0]
    penalty = ((slope.flatten(1).norm(dim=1) - 1) ** 2).mean()
    loss = d_fake.mean() - d_real.mean() + 10 * penalty + 0.001 * (d_real**2).mean()
    adam_c.zero_grad(set_to_none=True)
    loss.backward()
    adam_c.step()
    adam_g.zero_grad(set_to_none=True)
    # The critic's own gradients are not wanted here: freezing it is what a careful user does.
    for p in c.parameters():
        p.requires_grad_(False)
    (-c(fake, alpha, steps).mean()).backward()
    for p in c.parameters():
        p.requires_grad_(True)
    adam_g.step()
    return loss.item()


def main(channels, resolution, batch, count, threads, form="plain"):
    torch.set_num_threads(threads)
    steps = (resolution // 4).bit_length() - 1
    g, c = Generator(channels, channels), Critic(channels)
    layout = torch.channels_last if form == "channels_last" else torch.contiguous_format
    g, c = g.to(memory_format=layout), c.to(memory_format=layout)
    fused = {} if form == "plain" else {"fused": True}
    adam_g, adam_c = (torch.optim.Adam(m.parameters(), lr=1e-3, betas=(0.0, 0.99), **fused) for m in (g, c))
    times = []
    for i in range(count + 1):
        z = torch.randn(batch, channels, 1, 1)
        real = (torch.rand(batch, 3, resolution, resolution) * 2 - 1).contiguous(memory_format=layout)
        beta = torch.rand(batch, 1, 1, 1)
        started = time.perf_counter()
        train_step(g, c, adam_g, adam_c, z, real, beta, 0.5, steps)
        if i > 0:
            times.append((time.perf_counter() - started) * 1000)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"milliseconds": times, "peakBytes": peak, "version": torch.__version__}))


main(*map(int, sys.argv[1:6]), *sys.argv[6:])
