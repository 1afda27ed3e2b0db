"""Counts of a training step: a guard against slow drift that needs no clock."""

import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from lightning_transformers.config.compose import compose
from lightning_transformers.runs.train import train_and_record
from tests.conftest import Run
from tests.helpers.call_counts import FIRST, LAST, CallCounter
from tests.helpers.python_path import PATHS

REQUESTS = {
    **{"cold backbone": 22, "cold dataset": 13, "cold stream": 10},
    **{"warm backbone": 6, "warm dataset": 8, "warm stream": 10},
    **{"offline backbone": 0, "offline dataset": 0},
}
"""Requests of a process for config, tokenizer and weights of a GPT-2, and for a dataset of two
files; one of them each asks whether the hub answers."""
CALLS, OURS = 2124, 95
"""Python calls in a step of language modeling by the tiny GPT-2: all, and those of this package."""
VERSIONS = {"torch": "2.13", "transformers": "5.23", "pytorch-lightning": "2.6", "datasets": "5.2"}
COLLECTIVES = (
    "collectives of a step: {'gloo:all_gather': 0.5, 'gloo:all_reduce': 4.0, 'gloo:barrier': 1.0, "
    "'gloo:broadcast': 1.0}"
)
"""Ours are three: the number of targets, the votes for a checkpoint, and the losses, gathered at
every second step. The gradients, a vote with its barrier and a broadcast are Lightning's."""


def test_a_step_has_as_many_python_calls_as_before(tmp_path: Path) -> None:
    settings = [
        "task=nlp/language_modeling",
        "experiment=smoke",
        f"trainer.max_steps={LAST + 1}",
        f"training.run_dir={tmp_path}",
        "++callbacks.counter._target_=tests.helpers.call_counts.CallCounter",
    ]
    train_and_record(compose(settings))
    steps = LAST - FIRST
    ours = [n for file, n in CallCounter.found.items() if "/lightning_transformers/" in file]
    assert sum(ours) / steps == pytest.approx(OURS, rel=0.05)
    others = {name: version(name).startswith(known) for name, known in VERSIONS.items()}
    if all(others.values()) and sys.version_info[:2] == (3, 11):
        assert CallCounter.found.total() / steps == pytest.approx(CALLS, rel=0.05)


def test_a_step_on_two_ranks_has_as_many_collectives_as_before(run: Run) -> None:
    words = ("python", "-m", "tests.helpers.ranks", "tests.helpers.ddp_collectives")
    done = run(*words, PYTHONPATH=PATHS)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(COLLECTIVES) == 2, done.stdout


def test_a_process_asks_the_hub_as_often_as_before(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.helpers.hub_counts", str(tmp_path)]
    environment = os.environ | {"PYTHONPATH": PATHS}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == REQUESTS
