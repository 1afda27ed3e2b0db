"""Saving the state of a training, beside `torch.save` with `fsync`."""

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.trials import Values, in_turn, ratios, spread, trial, write

PARAMETERS, TIMES, SAVES = 53_000_000, 2, 3
WAYS = {
    "torch.save, fsync": "raw",
    "ours, one file": "one",
    "torch.save, fsync, two files": "raw_two",
    "ours, best and last": "two",
    "ours, in the background": "background",
}
TEXT = """
Weights and both averages of Adam of 53 million parameters, 636 MB. Seconds until training
continues, the median of three saves after a first one; a step changes the weights before each.
*Best and last* are both saved whenever the validation improves.
"""


def saver(way: str, folder: Path) -> Callable[[dict[str, Any]], None]:
    """Return a function that saves a state in a way of `WAYS`."""
    import torch

    from lightning_transformers.training.checkpoint_io import (
        BackgroundCheckpointIO,
        SafeCheckpointIO,
    )

    def raw(content: dict[str, Any], *names: str) -> None:
        for name in names:
            with (folder / name).open("wb") as file:
                torch.save(content, file)
                file.flush()
                os.fsync(file.fileno())

    if way.startswith("raw"):
        names = ("best", "last") if way == "raw_two" else ("last",)
        return lambda content: raw(content, *names)
    writer = BackgroundCheckpointIO() if way == "background" else SafeCheckpointIO()
    names = ("last",) if way == "one" else ("best", "last")

    def ours(content: dict[str, Any]) -> None:
        for name in names:
            writer.save_checkpoint(content, folder / name)

    ours.wait = getattr(writer, "wait", None)  # type: ignore[attr-defined]
    return ours


def measure(way: str) -> None:
    """Print the median of some saves."""
    import torch

    weights = [torch.randn(1000, 1000) for _ in range(PARAMETERS // 1_000_000)]
    averages = [(torch.rand(1000, 1000), torch.rand(1000, 1000)) for _ in weights]
    seconds = []
    with tempfile.TemporaryDirectory(dir=".") as folder:
        save = saver(way, Path(folder))
        for step in range(SAVES + 1):
            for weight in weights:
                weight += 1
            os.sync()
            start = time.perf_counter()
            save({"state_dict": {str(n): w for n, w in enumerate(weights)}, "global_step": step,
                  "optimizer_states": averages})  # fmt: skip
            seconds.append(time.perf_counter() - start)
            if wait := getattr(save, "wait", None):
                wait()
    print(json.dumps({"seconds": sorted(seconds[1:])[SAVES // 2]}))


def main() -> None:
    """Measure each way in turn, and write the table."""
    found: dict[str, list[Values]] = in_turn(
        {name: partial(trial, "checkpoint", way) for name, way in WAYS.items()}, TIMES
    )
    rows = [["way", "seconds", "÷ torch.save, fsync"]]
    for name, values in found.items():
        beside = ratios(values, found["torch.save, fsync"], "seconds")
        rows.append([name, spread([each["seconds"] for each in values]), spread(beside)])
    write("checkpoint", "Saving a checkpoint", TEXT, rows, "torch", "pytorch-lightning")


if __name__ == "__main__":
    measure(sys.argv[1]) if sys.argv[1:] else main()
