"""The imports of a training before its first step: a guard against slow drift."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

STOP = """
import gc, json, os, sys

from pytorch_lightning import Callback


class Stop(Callback):
    def on_train_batch_end(self, *arguments):
        names = {name.partition(".")[0] for name in sys.modules} - sys.stdlib_module_names
        own = [name for name in sys.modules if name.startswith("lightning_transformers.")]
        kept = gc.get_freeze_count()
        print("\\n" + json.dumps([sorted(names), sorted(own), gc.isenabled(), kept]), flush=True)
        os._exit(0)
"""
NEEDLESS = {
    *("bitsandbytes", "nltk", "optuna", "peft", "rouge_score", "sacrebleu", "seqeval", "sklearn"),
    *("mlflow", "onnx", "tensorboard", "wandb"),
}
"""Packages, which may be installed, without which a classifier trains."""
NEEDLESS_ROOMS = (
    *("reports.page", "reports.sections", "sweeps.search", "sweeps.study", "testing"),
    *("runs.export", "runs.predict", "runs.rerun"),
)
FROZEN = 100_000
"""Objects of the imports that the garbage collector passes over, at least."""


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> tuple[set[str], list[str], bool, int]:
    """Train up to the first step, and report what is imported and how garbage is collected.

    Returns:
        The imported packages, the imported modules of the runtime, whether the garbage collector
        is on, and the number of frozen objects.
    """
    folder: Path = tmp_path_factory.mktemp("start")
    (folder / "ends.py").write_text(STOP)
    words = ("task=nlp/text_classification", "experiment=smoke", "logger=csv")
    command = [sys.executable, "-m", "lightning_transformers", "train", *words]
    options = ("training.validate_before_fit=false", "+callbacks.ends._target_=ends.Stop")
    done = subprocess.run(
        [*command, *options], cwd=folder, capture_output=True, text=True, check=True
    )
    names, own, collects, frozen = json.loads(done.stdout.splitlines()[-1])
    return set(names), own, collects, frozen


def test_the_first_line_precedes_the_import_of_torch(tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text("raise SystemExit('importing torch')\n")
    words = ("task=nlp/text_classification", "dataset.dataset_name=sample", "hydra.run.dir=mine")
    command = [sys.executable, "-m", "lightning_transformers", "train", *words]
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, check=False, env=environment
    )
    assert done.stderr == "importing torch\n"
    (line,) = done.stdout.splitlines()
    assert line.endswith("training TextClassificationTransformer on bert-base-cased in mine")


def test_training_imports_no_needless_package(
    started: tuple[set[str], list[str], bool, int],
) -> None:
    assert not started[0] & NEEDLESS


def test_training_imports_no_needless_room(started: tuple[set[str], list[str], bool, int]) -> None:
    needless = tuple(f"lightning_transformers.{room}" for room in NEEDLESS_ROOMS)
    assert not [name for name in started[1] if name.startswith(needless)]


@pytest.mark.slow
def test_imports_are_not_collected_again(started: tuple[set[str], list[str], bool, int]) -> None:
    _, _, collects, frozen = started
    assert collects
    assert frozen > FROZEN
