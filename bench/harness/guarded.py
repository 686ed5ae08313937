"""A step of 50 ms, timed: what a guarded training is measured with. `guarded.py STEPS [MILLISECONDS]` prints the times as JSON."""
import json
import sys
import time

import torch

steps = int(sys.argv[1])
rest = (float(sys.argv[2]) if len(sys.argv) > 2 else 50.0) / 1000
model = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Linear(64, 1))
optimizer = torch.optim.Adam(model.parameters())
loader = torch.utils.data.DataLoader(torch.rand(steps + 3, 64), batch_size=1)
times = []
before = time.perf_counter()
for batch in loader:
    optimizer.zero_grad()
    model(batch).sum().backward()
    optimizer.step()
    time.sleep(rest)  # a card at work: on it the time does not depend on what else this machine does
    now = time.perf_counter()
    times.append((now - before) * 1000)
    before = now
print(json.dumps(times[3:]))
