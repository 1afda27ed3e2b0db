"""Evaluate a trained task: from Python with `evaluate`, from a composed config."""

from __future__ import annotations

from typing import TYPE_CHECKING

from omegaconf import DictConfig

from lightning_transformers.config.checks import check_config
from lightning_transformers.runs.build import build_trainer, restore, seed_everything

if TYPE_CHECKING:
    from pytorch_lightning import Trainer

    from lightning_transformers.core import TaskTransformer, TransformerDataModule


def evaluate(
    model: TaskTransformer,
    data: TransformerDataModule,
    trainer: Trainer,
    *,
    checkpoint_path: str | None = None,
    verbose: bool = True,
) -> dict[str, float]:
    """Return the metrics of a model by name.

    Args:
        model: the task.
        data: its data; the test set counts, or where there is none the validation set.
        trainer: a Lightning trainer.
        checkpoint_path: weights to evaluate in place of those that the model has.
        verbose: print the metrics as a table.
    """
    run = trainer.test if "test" in data.raw_dataset else trainer.validate
    # Of several loaders each has its own metrics, or the first those of all rows.
    found = run(
        model, datamodule=data, ckpt_path=checkpoint_path, weights_only=True, verbose=verbose
    )
    return {name: float(value) for metrics in found for name, value in metrics.items()}


def evaluate_from_config(config: DictConfig) -> dict[str, float]:
    """Evaluate the model of `checkpoint_path`, or the backbone as it is, and print the metrics."""
    check_config(config)
    seed_everything(config.training.seed)
    model, data = restore(config)
    return evaluate(model, data, build_trainer(config))
