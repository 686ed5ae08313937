"""Says in one short text which numbers a checkpoint holds: equal texts, equal tensors to the bit. `digest.py FILE...` prints JSON."""
import hashlib
import json
import sys

import torch


def tensors(value, name=""):
    """(name, tensor) of everything in dicts, lists and tuples."""
    if isinstance(value, torch.Tensor):
        yield name, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from tensors(item, "%s/%s" % (name, key))
    elif isinstance(value, (list, tuple)):
        for place, item in enumerate(value):
            yield from tensors(item, "%s/%d" % (name, place))


def digest(checkpoint):
    """Of the weights and the optimizer of a checkpoint in the page's form."""
    total = hashlib.sha256()
    for part in ("state_dict", "optimizer"):
        for name, tensor in tensors(checkpoint[part], part):
            total.update(name.encode())
            total.update(tensor.detach().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return total.hexdigest()[:20]


def load(path):
    try:
        return torch.load(path, map_location="cpu", weights_only=False)
    except TypeError:  # PyTorch before 1.13 has no weights_only
        return torch.load(path, map_location="cpu")


if __name__ == "__main__":
    print(json.dumps({path: digest(load(path)) for path in sys.argv[1:]}))
