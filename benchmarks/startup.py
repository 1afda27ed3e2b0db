"""CPU until a mistake is reported, beside Python with torch alone."""

import os
import resource
import subprocess
import sys
import tempfile
from functools import partial

from benchmarks.trials import Values, in_turn, ratios, spread, write

TIMES = 3
CLASSIFY = ("task=nlp/text_classification", "dataset.dataset_name=sample", "backbone=tiny")
CASES = {
    "a mistyped key": ("train", *CLASSIFY, "trainer.max_epochz=1"),
    "a wrong value": ("train", *CLASSIFY, "trainer.max_epochs=one"),
    "a missing file": ("train", *CLASSIFY, "dataset.train_file=none.csv"),
    "a missing checkpoint": ("train", *CLASSIFY, "checkpoint_path=none.ckpt"),
    "evaluate, a missing checkpoint": ("evaluate", *CLASSIFY, "checkpoint_path=none.ckpt"),
    "predict, a missing file": ("predict", *CLASSIFY, "dataset.predict_file=none.txt"),
}
TEXT = """
Seconds of CPU of the whole process, user and system, in an empty folder. The last row imports torch
and does nothing else.
"""


def run(arguments: list[str], status: int) -> Values:
    """Return the CPU of Python with some arguments, which exits with a status."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, *arguments], cwd=folder, capture_output=True, text=True, check=False
        )
    if done.returncode != status:
        raise SystemExit(f"{arguments}: {done.stdout}{done.stderr}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {"CPU": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime}


def main() -> None:
    """Measure each mistake in turn, and write the table."""
    os.environ["OMP_NUM_THREADS"] = "1"
    trials = {
        name: partial(run, ["-m", "lightning_transformers", *words], 2)
        for name, words in CASES.items()
    }
    found = in_turn(trials | {"import torch": partial(run, ["-c", "import torch"], 0)}, TIMES)
    rows = [["command", "seconds", "÷ import torch"]]
    for name, values in found.items():
        beside = ratios(values, found["import torch"], "CPU")
        rows.append([name, spread([each["CPU"] for each in values]), spread(beside)])
    write("startup", "Until a mistake is reported", TEXT, rows, "hydra-core", "torch")


if __name__ == "__main__":
    main()
