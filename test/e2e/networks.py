"""The users' networks in PyTorch, and a look through them at a pair of .pth files: pytorch.test.ts runs this.

The formulas: layers scaled by sqrt(2 / fan in), PixelNorm over channels, nearest upsampling, average pooling; images of
`steps` doublings are a mixture of the newest and the one before, then tanh; 4x4 images have neither.

    python3 networks.py GENERATOR CRITIC LATENTS STEPS ALPHA IMAGES

reads LATENTS (raw float32), writes IMAGES (the same) and prints one line of JSON.
"""
import json
import sys

import torch
from torch import nn
from torch.nn import functional as F

SHARES = [1, 1, 1, 1, 1 / 2, 1 / 4, 1 / 8, 1 / 16, 1 / 32]


class PixelNorm(nn.Module):
    def forward(self, x):
        return x * torch.rsqrt(x.pow(2).mean(dim=1, keepdim=True) + 1e-8)


class WSConv2d(nn.Module):
    def __init__(self, inputs, outputs, kernel=3, padding=1):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, padding=padding, bias=False)
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.scale = (2 / (inputs * kernel * kernel)) ** 0.5

    def forward(self, x):
        return self.conv(x * self.scale) + self.bias.view(1, -1, 1, 1)


class Block(nn.Module):
    def __init__(self, inputs, outputs, norm):
        super().__init__()
        self.conv1 = WSConv2d(inputs, outputs)
        self.conv2 = WSConv2d(outputs, outputs)
        self.norm = PixelNorm() if norm else nn.Identity()

    def forward(self, x):
        x = self.norm(F.leaky_relu(self.conv1(x), 0.2))
        return self.norm(F.leaky_relu(self.conv2(x), 0.2))


class Generator(nn.Module):
    def __init__(self, latent, channels, image_channels):
        super().__init__()
        widths = [int(channels * share) for share in SHARES]
        self.initial = nn.Sequential(
            PixelNorm(),
            nn.ConvTranspose2d(latent, channels, 4),
            nn.LeakyReLU(0.2),
            WSConv2d(channels, channels),
            nn.LeakyReLU(0.2),
            PixelNorm(),
        )
        self.initial_rgb = WSConv2d(channels, image_channels, 1, 0)
        self.prog_blocks = nn.ModuleList(Block(a, b, True) for a, b in zip(widths, widths[1:]))
        rgb = [WSConv2d(width, image_channels, 1, 0) for width in widths[1:]]
        self.rgb_layers = nn.ModuleList([self.initial_rgb, *rgb])

    def forward(self, z, alpha, steps):
        x = self.initial(z.view(*z.shape, 1, 1))
        if steps == 0:
            return self.initial_rgb(x)
        for block in self.prog_blocks[:steps]:
            larger = F.interpolate(x, scale_factor=2, mode="nearest")
            x = block(larger)
        newest, before = self.rgb_layers[steps](x), self.rgb_layers[steps - 1](larger)
        return torch.tanh(alpha * newest + (1 - alpha) * before)


class Critic(nn.Module):
    def __init__(self, channels, image_channels):
        super().__init__()
        widths = [int(channels * share) for share in reversed(SHARES)]
        self.prog_blocks = nn.ModuleList(Block(a, b, False) for a, b in zip(widths, widths[1:]))
        self.rgb_layers = nn.ModuleList(WSConv2d(image_channels, width, 1, 0) for width in widths)
        self.initial_rgb = self.rgb_layers[-1]
        self.final_block = nn.Sequential(
            WSConv2d(channels + 1, channels),
            nn.LeakyReLU(0.2),
            WSConv2d(channels, channels, 4, 0),
            nn.LeakyReLU(0.2),
            WSConv2d(channels, 1, 1, 0),
        )

    def forward(self, x, alpha, steps):
        here = 8 - steps
        out = F.leaky_relu(self.rgb_layers[here](x), 0.2)
        if steps > 0:
            down = F.leaky_relu(self.rgb_layers[here + 1](F.avg_pool2d(x, 2)), 0.2)
            out = alpha * F.avg_pool2d(self.prog_blocks[here](out), 2) + (1 - alpha) * down
        for block in self.prog_blocks[here + 1 :] if steps > 0 else []:
            out = F.avg_pool2d(block(out), 2)
        spread = torch.std(out, dim=0).mean().expand(out.shape[0], 1, *out.shape[2:])
        return self.final_block(torch.cat([out, spread], dim=1)).view(out.shape[0], -1)


def restore(model, checkpoint):
    """Loads weights and Adam as the users' script does; returns what it found."""
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, betas=(0.0, 0.99))
    keys = list(checkpoint["state_dict"])
    same_order = keys == list(model.state_dict())
    model.load_state_dict(checkpoint["state_dict"])
    optimizer.load_state_dict(checkpoint["optimizer"])
    named = {id(parameter): name for name, parameter in model.named_parameters()}
    steps = {named[id(p)]: float(state["step"]) for p, state in optimizer.state.items()}
    shapes_fit = all(state["exp_avg"].shape == p.shape for p, state in optimizer.state.items())
    return {"same_order": same_order, "steps": steps, "shapes_fit": shapes_fit}


def main(generator_path, critic_path, latents_path, steps, alpha, images_path):
    steps, alpha = int(steps), float(alpha)
    # The first version with weights_only, 1.13, refuses any float in a file: its own optimizers' learning rate, too.
    safely = int(torch.__version__.split(".")[0]) >= 2
    pair = [torch.load(path, map_location="cpu", weights_only=safely) for path in (generator_path, critic_path)]
    weights = pair[0]["state_dict"]
    latent, channels = weights["initial.1.weight"].shape[:2]
    image_channels = weights["initial_rgb.conv.weight"].shape[0]
    generator, critic = Generator(latent, channels, image_channels), Critic(channels, image_channels)
    report = {"generator": restore(generator, pair[0]), "critic": restore(critic, pair[1])}

    with open(latents_path, "rb") as file:
        latents = torch.frombuffer(bytearray(file.read()), dtype=torch.float32).view(-1, latent)
    with torch.no_grad():
        images = generator(latents, alpha, steps)
        report["scores_finite"] = bool(torch.isfinite(critic(images, alpha, steps)).all())
    with open(images_path, "wb") as file:
        file.write(images.contiguous().numpy().tobytes())
    report["shape"] = list(images.shape)
    print(json.dumps(report))


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(*sys.argv[1:])
