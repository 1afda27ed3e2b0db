"""`training.run_test_after_fit`: the best checkpoint of a fit, or else its last weights."""

from pathlib import Path
from typing import Any

import pytest
import torch
from pytorch_lightning.callbacks import ModelCheckpoint

from lightning_transformers.callbacks import Autosave
from lightning_transformers.core import TaskTransformer
from lightning_transformers.runs.evaluate import evaluate
from lightning_transformers.runs.train import evaluate_best
from lightning_transformers.task.nlp.language_modeling import (
    LanguageModelingDataModule,
    LanguageModelingTransformer,
)
from tests.helpers.language_modeling import model, sample, trainer
from tests.helpers.rendered import task_class

GENERATED = task_class("language_modeling", "ema_weights")
SHORT = {"limit_train_batches": 3, "limit_val_batches": 1, "limit_test_batches": 2}


@pytest.mark.parametrize("cls", [LanguageModelingTransformer, GENERATED], ids=["base", "generated"])
def test_best_checkpoint_counts(cls: type[TaskTransformer], tmp_path: Path) -> None:
    task, data = model(cls), sample()
    best = ModelCheckpoint(tmp_path, monitor="val/loss")
    run = trainer(
        tmp_path, callbacks=[Autosave(tmp_path), best], enable_checkpointing=True, **SHORT
    )
    run.fit(task, data)
    spoil(task)
    assert best.best_model_score is not None
    assert evaluate_best(task, data, run)["val/loss"] == pytest.approx(float(best.best_model_score))


def test_without_one_the_last_weights_count(tmp_path: Path) -> None:
    """The file of `Autosave` is the newest, and not the best."""
    task, data = model(), sample()
    run = trainer(tmp_path, callbacks=[Autosave(tmp_path)], enable_checkpointing=True, **SHORT)
    run.fit(task, data)
    before = float(run.callback_metrics["val/loss"])
    spoil(task)
    assert evaluate_best(task, data, run)["val/loss"] > before + 0.1


def test_the_test_set_counts_where_there_is_one(tmp_path: Path) -> None:
    (tmp_path / "test.txt").write_text("The cat sat on the mat.\n" * 40)
    files = {"dataset_name": None, "train_file": str(tmp_path / "test.txt")}
    data = sample(**files, test_file=str(tmp_path / "test.txt"))
    task, run = model(), trainer(tmp_path, **SHORT)
    run.fit(task, data)
    assert "test/loss" in evaluate_best(task, data, run)


@pytest.mark.parametrize("cls", [LanguageModelingTransformer, GENERATED], ids=["base", "generated"])
def test_rows_of_several_loaders_count_as_one_set(
    cls: type[TaskTransformer], tmp_path: Path
) -> None:
    class Two(LanguageModelingDataModule):
        """Validates on two sets."""

        def val_dataloader(self) -> Any:
            return [super().val_dataloader(), super().val_dataloader()]

    task, run = model(cls), trainer(tmp_path, limit_val_batches=1)
    once = evaluate(task, sample(), run, verbose=False)
    limits = {"block_size": 64, "limit_val_samples": 40}
    data = Two(sample().processor, dataset_name="sample", **limits)
    assert evaluate(task, data, run, verbose=False) == pytest.approx(once)


@torch.no_grad()
def spoil(task: TaskTransformer) -> None:
    for parameter in task.parameters():
        parameter.add_(torch.randn_like(parameter))
