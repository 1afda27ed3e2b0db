"""A run that is interrupted and resumed logs the rows of an uninterrupted run, each once.

Each part of a run is a forked process, which skips the imports.
"""

import csv
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from pytorch_lightning import Trainer
from pytorch_lightning.callbacks import Checkpoint
from pytorch_lightning.loggers import MLFlowLogger

from lightning_transformers.base.run_folder import read_manifest
from lightning_transformers.config.compose import compose
from lightning_transformers.runs.results.wandb_rows import wandb_rows
from lightning_transformers.runs.train import train_from_config
from tests.helpers.resume_runs import in_child
from tests.helpers.tree import tree

HERE = "tests.lightning_transformers.runs.test_curve"
COMMON = (
    "task=nlp/language_modeling",
    "experiment=smoke",
    "dataset.block_size=32",
    "dataset.limit_train_samples=60",
    "trainer.limit_train_batches=6",
    "trainer.limit_val_batches=1",
    "trainer.val_check_interval=3",
    "trainer.log_every_n_steps=1",
    "callbacks=[default,lr_monitor]",
    "~callbacks.loss_curve",
    "logger=[csv,tensorboard]",
    "+backbone.config.n_layer=1",
)


class Interrupts(Checkpoint):
    """Sends a signal to the process at a step, after all other callbacks of a hook.

    Args:
        hook: the name of the hook.
        step: the number of steps.
        number: the signal.
    """

    def __init__(self, hook: str, step: int, number: int) -> None:
        def interrupt(trainer: Trainer, *_: Any) -> None:
            if trainer.global_step >= step and not trainer.sanity_checking:
                os.kill(os.getpid(), number)
                setattr(self, hook, lambda *_: None)

        setattr(self, hook, interrupt)


def train(folder: Path, *overrides: str) -> int:
    """Train in a child process and return its exit status."""
    config = compose([*COMMON, f"training.run_dir={folder}", *overrides])

    def run() -> dict[str, float]:
        # A shell ignores SIGINT in commands that it starts in the background.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        return train_from_config(config)

    return in_child(run, folder.parent / "end.pt")


def interrupted(hook: str, step: int, number: int) -> list[str]:
    """Return the overrides for a run that a signal interrupts."""
    values = {"_target_": f"{HERE}.Interrupts", "hook": hook, "step": step, "number": int(number)}
    return [f"+callbacks.interrupts.{name}={value}" for name, value in values.items()]


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "metrics.csv").open() as stream:
        return list(csv.DictReader(stream))


def events(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Return the points of each curve as TensorBoard shows them."""
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    (version,) = (folder / "tensorboard").iterdir()
    found = accumulator.EventAccumulator(str(version)).Reload()
    tags = sorted(found.Tags()["scalars"])
    return {tag: [(point.step, point.value) for point in found.Scalars(tag)] for tag in tags}


def status(folder: Path) -> str:
    return str(yaml.safe_load((folder / "manifest.yaml").read_text())["status"])


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of an uninterrupted run."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    assert train(folder) == 0
    return folder


@pytest.mark.parametrize(
    ("hook", "step", "number"),
    [
        pytest.param("on_train_batch_end", 5, signal.SIGKILL, marks=pytest.mark.slow),
        pytest.param("on_validation_end", 6, signal.SIGKILL, marks=pytest.mark.slow),
        pytest.param("on_train_epoch_end", 6, signal.SIGKILL, marks=pytest.mark.slow),
        pytest.param("on_train_batch_start", 8, signal.SIGKILL, marks=pytest.mark.slow),
        pytest.param("on_validation_batch_start", 6, signal.SIGTERM, marks=pytest.mark.slow),
        ("on_train_batch_start", 7, signal.SIGINT),
    ],
)
def test_a_resumed_run_has_one_curve(
    hook: str, step: int, number: int, whole: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    often = "callbacks.autosave.minutes=1e-9"
    ended = train(folder, often, *interrupted(hook, step, number))
    assert ended == {signal.SIGKILL: -number}.get(number, 0)
    assert status(folder) == ("running" if number == signal.SIGKILL else "interrupted")
    assert train(folder, often, "resume=auto") == 0
    assert rows(folder) == rows(whole)
    assert events(folder) == events(whole)
    assert status(folder) == "finished"
    former = yaml.safe_load((folder / "manifest-1.yaml").read_text())["status"]
    assert former == ("killed" if number == signal.SIGKILL else "interrupted")


@pytest.mark.slow
def test_a_run_that_has_ended_is_left_or_extended(
    whole: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = Path(shutil.copytree(whole, tmp_path / "run"))
    before = tree(folder)
    assert train(folder, "resume=auto") == 0
    assert (
        "has ended (finished: trainer.max_epochs=2 reached): to extend it" in capfd.readouterr().out
    )
    assert tree(folder) == before
    assert train(folder, "resume=auto", "trainer.max_epochs=3") == 0
    assert rows(folder)[: len(rows(whole))] == rows(whole)
    added = rows(folder)[len(rows(whole)) :]
    assert [row["step"] for row in added if row["val/loss"]] == ["14", "17"]
    rates = [float(row["lr-AdamW/pg1"]) for row in added if row["lr-AdamW/pg1"]]
    assert len(rates) == 6
    assert min(rates) > 0, "the schedule is that of three epochs"


@pytest.mark.slow
def test_a_run_is_extended_within_the_epoch_that_max_steps_has_cut(tmp_path: Path) -> None:
    steady = ("trainer.max_epochs=-1", "scheduler=constant_schedule")
    assert train(tmp_path / "whole", *steady, "trainer.max_steps=8") == 0
    assert train(tmp_path / "run", *steady, "trainer.max_steps=2") == 0
    assert train(tmp_path / "run", *steady, "trainer.max_steps=8", "resume=auto") == 0
    whole, extended = rows(tmp_path / "whole"), rows(tmp_path / "run")
    assert [row for row in extended if row["val/loss"]][-2:] == [
        row for row in whole if row["val/loss"]
    ][-2:]


def mlflow_curves(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Return the points of each curve of the one run in MLflow's store, by name."""
    ids = read_manifest(folder / "manifest.yaml")["loggers"]
    logger = MLFlowLogger(tracking_uri=f"sqlite:///{folder}/store.db", run_id=str(ids["mlflow"]))
    client = logger.experiment
    (run,) = client.search_runs(["1"])
    return {
        name: sorted((at.step, at.value) for at in client.get_metric_history(run.info.run_id, name))
        for name in run.data.metrics
    }


def wandb_curves(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Return the points of each curve in W&B's files of a run, by name."""
    (run_id,) = read_manifest(folder / "manifest.yaml")["loggers"].values()
    run = SimpleNamespace(offline=True, id=run_id, dir=str(folder / "wandb/any/files"))
    curves: dict[str, list[tuple[int, float]]] = {}
    for step, metrics in wandb_rows(run):  # type: ignore[arg-type]
        for name, value in metrics.items():
            curves.setdefault(name, []).append((step, value))
    return {name: sorted(curve) for name, curve in curves.items()}


@pytest.mark.slow  # they need the packages of the extra `loggers`
@pytest.mark.parametrize(
    ("logger", "curves_of"),
    [
        (
            ["mlflow", "logger.mlflow.tracking_uri='sqlite:///${training.run_dir}/store.db'"],
            mlflow_curves,
        ),
        (["wandb", "logger.wandb.offline=true"], wandb_curves),
    ],
    ids=["mlflow", "wandb"],
)
def test_a_killed_run_is_one_curve_where_rows_cannot_be_dropped(
    logger: list[str], curves_of: Callable[[Path], dict[str, Any]], tmp_path: Path
) -> None:
    pytest.importorskip(logger[0])
    found = []
    kill = interrupted("on_train_batch_start", 8, signal.SIGKILL)
    for name, parts in {"whole": [[]], "killed": [kill, ["resume=auto"]]}.items():
        folder = tmp_path / name / "run"
        folder.mkdir(parents=True)
        for overrides in parts:
            ended = train(folder, f"logger={logger[0]}", *logger[1:], *overrides)
            assert ended == (-signal.SIGKILL if overrides == kill else 0)
        found.append(curves_of(folder))
    assert found[0] == found[1]
    assert len(found[0]["train/loss"]) == 12
