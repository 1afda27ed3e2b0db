"""CPU and time of small training steps while other programs compute, by how threads wait."""

import json
import multiprocessing
import os
import sys
import time
from functools import partial

from benchmarks.trials import Values, in_turn, spread, trial, write

STEPS, TIMES = 10, 2
TEXT = """
Steps of 24 linear layers of 128 on 512 rows, while each core has two other processes that compute.
*Asleep* is what the commands set: `OMP_WAIT_POLICY=PASSIVE`. *Spinning* is the default of torch.
"""
CASES = {
    "asleep, as many threads as cores": {"OMP_WAIT_POLICY": "PASSIVE"},
    "spinning, as many threads as cores": {},
    "one thread": {"OMP_NUM_THREADS": "1"},
}


def measure() -> None:
    """Print the figures of some steps."""
    import torch

    layers = [torch.nn.Linear(128, 128) for _ in range(24)]
    model, rows = torch.nn.Sequential(*layers), torch.randn(512, 128)
    optimizer = torch.optim.SGD(model.parameters(), 1e-3)
    for number in range(STEPS + 1):
        if number == 1:  # the first step warms up
            cpu, wall = time.process_time(), time.perf_counter()
        model(rows).square().mean().backward()
        optimizer.step()
        optimizer.zero_grad()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    print(json.dumps({"CPU": cpu / STEPS * 1000, "wall": wall / STEPS * 1000}))


def compute() -> None:
    """Compute for ever."""
    while True:
        pass


def run(variables: dict[str, str]) -> Values:
    """Return the figures of a trial with some environment variables."""
    for name in ("OMP_WAIT_POLICY", "OMP_NUM_THREADS"):
        os.environ.pop(name, None)
    os.environ.update(variables)
    return trial("threads", "steps")


def main() -> None:
    """Measure each case in turn beside other programs, and write the table."""
    others = [
        multiprocessing.Process(target=compute, daemon=True)
        for _ in range(2 * (os.cpu_count() or 1))
    ]
    for process in others:
        process.start()
    found = in_turn({name: partial(run, each) for name, each in CASES.items()}, TIMES)
    for process in others:
        process.kill()
    rows = [["threads", "CPU, ms a step", "wall, ms a step"]]
    for name, values in found.items():
        cpu, wall = ([each[key] for each in values] for key in ("CPU", "wall"))
        rows.append([name, spread(cpu, 1), spread(wall, 1)])
    write("threads", "Threads on a machine that others use", TEXT, rows, "torch")


if __name__ == "__main__":
    measure() if sys.argv[1:] else main()
