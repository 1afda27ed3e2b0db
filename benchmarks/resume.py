"""Kill a hundred runs at random batches, resume them, and compare with uninterrupted runs.

Writes `benchmarks/resume.md`: python benchmarks/resume.py
"""

import itertools
import os
import random
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("OMP_NUM_THREADS", "1")

from tests.helpers.resume_runs import (  # noqa: E402
    BATCHES,
    Case,
    differences,
    killed_and_resumed,
    uninterrupted,
)

KILLS = 100
RECIPES = ("weight_noise", "ema_weights", "gradual_unfreezing")
PLACES = ("batch", "validation", "epoch")
HEAD = """# Killed and resumed runs

Each run trains a generated task for two epochs of 12 batches, with a warm-up, and saves every
five batches, after a validation that comes every five batches, or at the end of an epoch. It gets
SIGKILL after the backward of a random batch, or (marked *w*) while the next checkpoint is being
written, and is resumed from the last one. Parameters, optimizer, later batches and the number of
validations at the end are compared bit for bit with those of an uninterrupted run.
*Shards* are a stream of three files. *Recipes* are weight noise, EMA of the weights and gradual
unfreezing; *own hooks* draw random numbers, and omit `super()`. The plain loader is
`DataLoader(shuffle=True)`, with the same settings.

Command: `python benchmarks/resume.py` (seed 0)

| data | workers | batches per step | saved at | task | loader | killed at | equal |
|---|---|---|---|---|---|---|---|
"""


def cases() -> Iterator[Case]:
    """Yield all combinations, a quarter of them with a kill during the write."""
    data = ("map", "packed", "streaming", "shards")
    grid = itertools.product(data, (0, 2), (1, 3), (RECIPES, ()))
    for number, (kind, workers, accumulate, recipes) in enumerate(grid):
        yield Case(
            kind,
            workers,
            accumulate,
            recipes,
            at=PLACES[number % len(PLACES)],
            in_write=number % 4 == 3,
            own_hooks=not recipes,
        )


def row(case: Case, killed: Sequence[int], same: int) -> str:
    """Return the table row of one case."""
    kills = ", ".join(map(str, killed)) + (" *w*" if case.in_write else "")
    task = "recipes" if case.recipes else "own hooks" if case.own_hooks else "as generated"
    loader = "plain" if case.plain else "ours"
    cells = (case.data, case.workers, case.accumulate, case.at, task, loader, kills)
    return f"| {' | '.join(map(str, cells))} | {same} of {len(killed)} |"


def main() -> None:
    """Kill, resume, compare, and write the table."""
    draw = random.Random(0)
    ours = list(cases())
    shares = [KILLS // len(ours) + (index < KILLS % len(ours)) for index in range(len(ours))]
    plain = [Case("packed", plain=True), Case("map", plain=True)]
    lines, equal = [], 0
    for case, share in zip([*ours, *plain], [*shares, 3, 3], strict=True):
        folder = Path(tempfile.mkdtemp())
        expected = uninterrupted(case, folder / "whole")
        killed = sorted(draw.sample(range(5, 2 * BATCHES - 4), share))
        found = [
            differences(killed_and_resumed(case, folder / str(kill), kill), expected)
            for kill in killed
        ]
        same = sum(not different for different in found)
        equal += 0 if case.plain else same
        lines.append(row(case, killed, same))
        print(lines[-1], flush=True)
    table = "\n".join(lines)
    total = f"\n\n{equal} of {KILLS} runs ended bit-identical to uninterrupted ones.\n"
    (ROOT / "benchmarks" / "resume.md").write_text(HEAD + table + total)


if __name__ == "__main__":
    main()
