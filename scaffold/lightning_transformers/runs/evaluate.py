"""Evaluate a trained task: from Python with `evaluate`, from a composed config."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import DictConfig

from lightning_transformers.base.lazy import import_uncollected
from lightning_transformers.base.run_log import log_failure
from lightning_transformers.config.checks import check_config, check_inputs
from lightning_transformers.config.provenance import changed_settings
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
    """Evaluate a model on the test set of its data, or without one on the validation set.

        from lightning_transformers import evaluate, load
        from pytorch_lightning import Trainer

        task, data = load("outputs/run")
        metrics = evaluate(task, data, Trainer(logger=False))

    Args:
        model: the task.
        data: its data.
        trainer: a Lightning trainer.
        checkpoint_path: evaluate these weights instead of the model's.
        verbose: print the metrics as a table.

    Returns:
        The metrics by name, such as `test/loss` or `val/loss`.
    """
    run = trainer.test if "test" in data.raw_dataset else trainer.validate
    # Several dataloaders each have their metrics, or the first one has those of all rows.
    found = run(
        model, datamodule=data, ckpt_path=checkpoint_path, weights_only=True, verbose=verbose
    )
    return {name: float(value) for metrics in found for name, value in metrics.items()}


@log_failure()
def evaluate_from_config(config: DictConfig) -> dict[str, float]:
    """Evaluate the model of `checkpoint_path`, or the untrained one, and print the metrics.

    Writes `predictions.parquet` and `report.html` to the run folder.

    Returns:
        The metrics by name.

    Raises:
        ConfigurationError: for a mistake in the config, or a checkpoint of another task.
    """
    check_config(config)
    check_inputs(config)
    import_uncollected("lightning_transformers.core")
    # These import torch.
    from lightning_transformers.data.loading import SPLITS
    from lightning_transformers.runs.failures import known_failures
    from lightning_transformers.runs.manifest.environment import environment
    from lightning_transformers.runs.results.recorder import PredictionRecorder
    from lightning_transformers.runs.results.report import report_run

    seed_everything(config.training.seed)
    model, data = restore(config, SPLITS)
    recorder = PredictionRecorder(Path(config.training.run_dir))
    trainer = build_trainer(config, recorder, model=model)
    with known_failures(config, trainer.strategy.root_device):
        metrics = evaluate(model, data, trainer)
    if trainer.is_global_zero:
        known = environment(trainer) | {"changed": changed_settings(config)}
        report_run(config, data, metrics, known)
    return metrics
