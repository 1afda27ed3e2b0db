"""Kill a hundred runs at random batches, let them go on, and compare with runs left alone.

Writes `benchmarks/resume.md`: python benchmarks/resume.py
"""

import itertools
import os
import random
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("OMP_NUM_THREADS", "1")

from tests.runtime.resume_runs import (  # noqa: E402
    BATCHES,
    Case,
    differences,
    killed_and_resumed,
    uninterrupted,
)

KILLS = 100
RECIPES = ("weight_noise", "ema_weights", "gradual_unfreezing")
HEAD = """# Runs that are killed and go on

Each run trains a generated task for two epochs of 12 batches, with a warm-up, and saves every
five batches. It gets SIGKILL after the backward of a random batch, or (marked *w*) while the next
checkpoint is being written, and goes on from the last one. In the end parameters, optimizer and
the batches that followed are compared with those of a run that was left alone: bit for bit.
*Recipes* are weight noise, EMA of the weights and gradual unfreezing. The plain loader is
`DataLoader(shuffle=True)`, with all else the same.

Command: `python benchmarks/resume.py` (seed 0)

| data | workers | batches a step | recipes | loader | killed at | equal |
|---|---|---|---|---|---|---|
"""


def cases() -> Iterator[Case]:
    """Yield what is tried: all combinations, a part of them with a kill in the write."""
    grid = itertools.product(("map", "packed", "streaming"), (0, 2), (1, 3), ((), RECIPES))
    for number, (data, workers, accumulate, recipes) in enumerate(grid):
        yield Case(data, workers, accumulate, recipes, in_write=number % 4 == 3)


def main() -> None:
    """Kill, resume, compare, and write the table."""
    draw = random.Random(0)
    chosen = [*cases(), Case("packed", plain=True), Case("map", plain=True)]
    shares = [KILLS // 24 + (index < KILLS % 24) for index in range(24)] + [3, 3]
    lines, equal = [], 0
    for number, (case, share) in enumerate(zip(chosen, shares, strict=True)):
        folder = Path(tempfile.mkdtemp())
        expected = uninterrupted(case, folder / "whole")
        batches = sorted(draw.sample(range(5, 2 * BATCHES - 4), share))
        found = [
            differences(killed_and_resumed(case, folder / str(kill), kill), expected)
            for kill in batches
        ]
        same = sum(not different for different in found)
        equal += 0 if case.plain else same
        kills = ", ".join(map(str, batches)) + (" *w*" if case.in_write else "")
        recipes, loader = ("yes" if case.recipes else "no"), ("plain" if case.plain else "ours")
        lines.append(
            f"| {case.data} | {case.workers} | {case.accumulate} | {recipes} | {loader} "
            f"| {kills} | {same} of {share} |"
        )
        print(f"{number + 1}/{len(chosen)}", lines[-1], flush=True)
    table = "\n".join(lines)
    total = f"\n\n{equal} of {KILLS} runs ended bit for bit as those that were left alone.\n"
    (ROOT / "benchmarks" / "resume.md").write_text(HEAD + table + total)


if __name__ == "__main__":
    main()
