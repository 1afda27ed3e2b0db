"""`last.ckpt` is saved at the end, after each validation, and every few minutes."""

import time
from pathlib import Path
from typing import Any

import pytest
import torch
from pytorch_lightning.callbacks import ModelCheckpoint

from lightning_transformers.callbacks import Autosave
from lightning_transformers.config.compose import compose
from lightning_transformers.runs.build import build_trainer
from tests.helpers.language_modeling import Recorder, model, sample, trainer
from tests.helpers.resume_runs import ManualSteps


def steps_saved(folder: Path, *callbacks: Any, task: Any = None, **arguments: Any) -> int:
    """Return after how many steps the last checkpoint of a fit was written."""
    values = {"enable_checkpointing": True, "limit_train_batches": 4, "limit_val_batches": 1}
    run = trainer(folder, callbacks=[*callbacks], **values | arguments)
    run.fit(task or model(), sample())
    step: int = torch.load(folder / "last.ckpt", weights_only=True)["global_step"]
    return step


def test_end_between_two_validations_is_saved(tmp_path: Path) -> None:
    end = {"max_steps": 6, "max_epochs": -1}
    assert steps_saved(tmp_path, Autosave(tmp_path), **end) == 6
    plain = ModelCheckpoint(tmp_path / "plain", monitor="val/loss", save_last=True)
    assert steps_saved(tmp_path / "plain", plain, **end) == 4


def test_validation_without_a_new_best_is_saved(tmp_path: Path) -> None:
    def fit(folder: Path, callback: Any) -> int:
        task = model(Recorder)
        task.optimizer_config = {"_target_": "torch.optim.SGD", "lr": 0.0}
        return steps_saved(folder, callback, task=task, max_epochs=2)

    assert fit(tmp_path, Autosave(tmp_path)) == 8
    plain = ModelCheckpoint(tmp_path / "plain", monitor="val/loss", save_last=True)
    assert fit(tmp_path / "plain", plain) == 4


@pytest.mark.parametrize("manual", [False, True])
def test_time_counts_in_any_optimization(
    manual: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = []
    monkeypatch.setattr(Autosave, "save", lambda self, run: saved.append(run.global_step))
    cls = type("Manual", (ManualSteps, Recorder), {}) if manual else Recorder
    run = trainer(
        tmp_path,
        callbacks=[Autosave(tmp_path, minutes=0)],
        enable_checkpointing=True,
        limit_train_batches=4,
        limit_val_batches=0,
    )
    run.fit(model(cls), sample())
    assert saved[:4] == ([0, 1, 1, 2] if manual else [1, 2, 3, 4])


def test_processes_with_more_batches_to_evaluate_wait_for_no_other(tmp_path: Path) -> None:
    run, callback = trainer(tmp_path), Autosave(tmp_path)
    callback.setup(run, model(), "test")
    asked: list[int] = []
    callback.signals.agree = lambda due=False: bool(asked.append(1))  # type: ignore[method-assign]
    callback.on_test_batch_end(run)
    assert len(asked) == 1
    several = type("Several", (), {"world_size": 2, "state": run.state})()
    callback.on_test_batch_end(several)
    callback.on_validation_batch_end(several)
    assert len(asked) == 1


def test_best_of_the_default_callbacks_is_the_one_that_lightning_means(tmp_path: Path) -> None:
    config = compose(["task=nlp/language_modeling", f"training.run_dir={tmp_path}"])
    assert isinstance(build_trainer(config).checkpoint_callback, ModelCheckpoint)


def test_the_time_between_two_checkpoints_is_in_minutes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "monotonic", lambda: 100.0)
    callback, run = Autosave(tmp_path, minutes=2), trainer(tmp_path)
    callback.setup(run, model(), "fit")
    callback.on_train_start(run, model())
    assert callback.due_at == 100 + 2 * 60
