"""What real PyTorch makes of our files, and files for us to read. Used by pytorch.test.ts.

  pytorch.py make FOLDER     writes original.pth (a model with shared layers and its Adam) and prints facts about it
  pytorch.py check FOLDER    reads what the test wrote there and prints what it found, as JSON
"""
import hashlib
import collections
import inspect
import json
import os
import sys

import torch
from torch import nn


class Model(nn.Module):
    """A layer that stands under two names, as initial_rgb does in the generator."""

    def __init__(self):
        super().__init__()
        self.initial_rgb = nn.Conv2d(6, 3, 1)
        self.rgb_layers = nn.ModuleList([self.initial_rgb, nn.Conv2d(4, 3, 1)])
        self.block = nn.Sequential(nn.Conv2d(6, 4, 3, padding=1), nn.BatchNorm2d(4), nn.LeakyReLU(0.2))
        self.unused = nn.Linear(2, 2)

    def forward(self, x):
        return self.initial_rgb(x) + self.rgb_layers[1](self.block(x))


def digest(tensor):
    t = tensor.detach().contiguous()
    raw = t.view(torch.int16).numpy() if t.dtype == torch.bfloat16 else t.numpy()
    return hashlib.sha256(raw.tobytes()).hexdigest()


def new():
    model = Model()
    return model, torch.optim.Adam(model.parameters(), lr=1e-3, betas=(0.0, 0.99))


def step(model, optimizer, seed):
    x = torch.randn(2, 6, 5, 5, generator=torch.Generator().manual_seed(seed))
    optimizer.zero_grad(set_to_none=True)
    model(x).square().mean().backward()
    optimizer.step()


def after_one_more_step(path):
    """Loads model and optimizer, strictly, and trains on: the digest of everything afterwards."""
    saved = torch.load(path)
    model, optimizer = new()
    model.load_state_dict(saved["state_dict"], strict=True)
    optimizer.load_state_dict(saved["optimizer"])
    step(model, optimizer, 99)
    states = [s[k] for s in optimizer.state_dict()["state"].values() for k in sorted(s)]
    return [digest(t) for t in list(model.state_dict().values()) + states]


def walk(value, path=()):
    if isinstance(value, torch.Tensor):
        yield path, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from walk(item, path + (key,))
    elif isinstance(value, (list, tuple)):
        for i, item in enumerate(value):
            yield from walk(item, path + (i,))


def facts(value):
    tensors = list(walk(value))
    groups = {}
    for path, tensor in tensors:
        if tensor.numel():
            groups.setdefault(tensor.storage().data_ptr(), []).append([str(k) for k in path])
    return {
        "tensors": [
            {
                "path": [str(k) for k in path],
                "dtype": str(t.dtype)[6:],
                "shape": list(t.shape),
                "strides": list(t.stride()),
                "offset": t.storage_offset(),
                "requires_grad": t.requires_grad,
                "parameter": isinstance(t, nn.Parameter),
                "sha256": digest(t),
            }
            for path, t in tensors
        ],
        "shared": [paths for paths in groups.values() if len(paths) > 1],
    }


def make(folder):
    torch.manual_seed(7)
    model, optimizer = new()
    for seed in range(3):
        step(model, optimizer, seed)
    original = os.path.join(folder, "original.pth")
    torch.save({"state_dict": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3}, original)
    return {"version": torch.__version__, "facts": facts(torch.load(original)), "after": after_one_more_step(original)}


def load_weights_only(path):
    """The facts, or the error; "absent" in versions that have no such option."""
    if "weights_only" not in inspect.signature(torch.load).parameters:
        return "absent"
    try:
        return facts(torch.load(path, weights_only=True))
    except Exception as error:  # what it says is for the test to judge
        return str(error)


def shown(value):
    """repr, with an OrderedDict as Python before 3.12 shows it."""
    return f"OrderedDict({list(value.items())})" if type(value) is collections.OrderedDict else repr(value)


def check(folder):
    path = lambda name: os.path.join(folder, name)
    values = torch.load(path("values.pth"))
    return {
        "copy": facts(torch.load(path("copy.pth"))),
        "after": after_one_more_step(path("copy.pth")),
        "weights_only": load_weights_only(path("weights.pth")),
        "weights_only_copy": load_weights_only(path("copy.pth")),
        "weights_only_original": load_weights_only(path("original.pth")),
        "dtypes": facts(torch.load(path("dtypes.pth"))),
        "values": {str(key): shown(value) for key, value in values.items()},
    }


print(json.dumps({"make": make, "check": check}[sys.argv[1]](sys.argv[2])))
