"""What version 0.1 wrote is used by this one: a project, a finished run, an interrupted run.

`tests/fixtures/project-0.1` was generated and trained by 0.1: two epochs of 24 batches, three
batches a step. One run came to its end, the other was ended by SIGTERM in its second epoch.
"""

import csv
import shutil
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoModelForCausalLM

from tests.conftest import Run
from tests.helpers.command_worker import Execute

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
def earlier(tmp_path: Path) -> Path:
    """Return a copy of the project."""
    return Path(shutil.copytree(FIXTURE, tmp_path / "my-project"))


def last_row(run: Path, name: str) -> float:
    """Return the last value of a metric in the table of a run."""
    with (run / "metrics.csv").open() as stream:
        return [float(row[name]) for row in csv.DictReader(stream) if row[name]][-1]


def succeed(done: dict[str, Any]) -> str:
    """Return what a command printed, which succeeded."""
    assert done["status"] == 0, done["stderr"]
    return str(done["stdout"])


def test_an_interrupted_run_resumes(earlier: Path, execute: Execute) -> None:
    run = earlier / "runs/interrupted"
    arguments = (*TASK, *SETTINGS, "trainer.max_epochs=2", f"hydra.run.dir={run}", "resume=auto")
    succeed(execute(earlier, "train.py", *arguments))
    assert (run / "metrics-1.csv").is_file(), "a run that begins anew would move it away"
    assert ",7," not in (run / "metrics.csv").read_text(), "the first epoch is not repeated"
    for name in ("train/loss", "val/loss"):
        expected = last_row(FIXTURE / "runs/finished", name)
        assert last_row(run, name) == pytest.approx(expected, rel=CLOSE)


def test_a_finished_run_is_evaluated_and_exported(earlier: Path, execute: Execute) -> None:
    printed = succeed(execute(earlier, "evaluate.py", *TASK, *SETTINGS, BEST))
    loss = last_row(FIXTURE / "runs/finished", "val/loss")
    assert f"{loss:.3f}"[:5] in printed
    succeed(execute(earlier, "export.py", *TASK, *SETTINGS, BEST, "export_dir=exported"))
    model = AutoModelForCausalLM.from_pretrained(earlier / "exported")
    assert model.config.n_embd == 16


def test_a_finished_run_reruns(earlier: Path, execute: Execute) -> None:
    done = execute(earlier, "rerun.py", "runs/finished", "--into", "again")
    assert done["status"] in (0, 1), done["stderr"]  # 1: another processor, other last digits
    for name in ("train/loss", "val/loss"):
        expected = last_row(FIXTURE / "runs/finished", name)
        assert last_row(earlier / "again", name) == pytest.approx(expected, rel=CLOSE)


def test_the_project_passes_its_own_test(project: Path, run: Run) -> None:
    shutil.copytree(FIXTURE, project, dirs_exist_ok=True)
    done = run("pytest", "--quiet", "-p", "no:cacheprovider")
    assert done.returncode == 0, done.stdout
