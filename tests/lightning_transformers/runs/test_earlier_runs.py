"""Tests of a project, a finished run and an interrupted run of version 0.1.

`tests/fixtures/project-0.1` was generated and trained by 0.1: two epochs of 24 batches, three
batches per step. SIGTERM interrupted the second run in its second epoch.
"""

import csv
import shutil
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from transformers import AutoModelForCausalLM

from lightning_transformers.base.run_folder import MANIFEST, read_manifest
from tests.conftest import Run

FIXTURE = Path(__file__).parents[2] / "fixtures" / "project-0.1"
CLOSE = 1e-4
"""Relative: sums come out otherwise on another processor."""
TASK = ("+task=nlp/my_language_modeling", "experiment=smoke")
SETTINGS = (
    "+backbone.config.n_embd=16",
    "+backbone.config.n_layer=1",
    "trainer.limit_train_batches=24",
    "trainer.limit_val_batches=2",
    "trainer.accumulate_grad_batches=3",
    "dataset.batch_size=4",
    "dataset.block_size=64",
)
BEST = "+checkpoint_path=runs/finished/checkpoints/best.ckpt"


@pytest.fixture
def earlier(project: Path) -> Path:
    """Return a copy of the project, which is the working directory."""
    return Path(shutil.copytree(FIXTURE, project, dirs_exist_ok=True))


def last_row(run: Path, name: str) -> float:
    """Return the last value of a metric in the table of a run."""
    with (run / "metrics.csv").open() as stream:
        return [float(row[name]) for row in csv.DictReader(stream) if row[name]][-1]


def steps(run: Path) -> list[str]:
    """Return the step of each row in the table of a run."""
    with (run / "metrics.csv").open() as stream:
        return [row["step"] for row in csv.DictReader(stream)]


def formulas(run: Path) -> int:
    """Return the version of the formulas in the manifest of a run, which must be recorded."""
    return int(read_manifest(run / MANIFEST)["training"]["formulas"])


def printed(done: CompletedProcess[str]) -> str:
    """Return the output of a command, which must succeed."""
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_an_interrupted_run_resumes(earlier: Path, run: Run) -> None:
    folder = earlier / "runs/interrupted"
    resume = ("trainer.max_epochs=2", f"hydra.run.dir={folder}", "resume=auto")
    printed(run("python", "train.py", *TASK, *SETTINGS, *resume))
    assert not (folder / "former").exists(), "a new run would make it"
    assert formulas(folder) == 1, "those of the first part"
    assert steps(folder) == steps(FIXTURE / "runs/finished"), "one curve"
    for name in ("train/loss", "val/loss"):
        expected = last_row(FIXTURE / "runs/finished", name)
        assert last_row(folder, name) == pytest.approx(expected, rel=CLOSE)


def test_a_finished_run_is_evaluated_and_exported(earlier: Path, run: Run) -> None:
    table = printed(run("python", "evaluate.py", *TASK, *SETTINGS, BEST))
    loss = last_row(FIXTURE / "runs/finished", "val/loss")
    assert f"{loss:.3f}"[:5] in table
    printed(run("python", "export.py", *TASK, *SETTINGS, BEST, "export_dir=exported"))
    model = AutoModelForCausalLM.from_pretrained(earlier / "exported")
    assert model.config.n_embd == 16


def test_a_finished_run_reruns(earlier: Path, run: Run) -> None:
    done = run("python", "rerun.py", "runs/finished", "--into", "again")
    assert done.returncode in (0, 1), done.stderr  # 1: another processor, other last digits
    assert formulas(earlier / "again") == 1
    for name in ("train/loss", "val/loss"):
        expected = last_row(FIXTURE / "runs/finished", name)
        assert last_row(earlier / "again", name) == pytest.approx(expected, rel=CLOSE)


def test_the_project_passes_its_own_test(earlier: Path, run: Run) -> None:
    printed(run("pytest", "--quiet", "-p", "no:cacheprovider"))
