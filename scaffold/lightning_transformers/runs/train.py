"""Train a task: from Python with `train`, from a composed config with `train_from_config`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import DictConfig, OmegaConf

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.base.run_folder import (
    CHECKPOINTS,
    CONFIG,
    MANIFEST,
    METRICS,
    Manifest,
    archive,
    archive_former_run,
)
from lightning_transformers.config.checks import check_config
from lightning_transformers.runs.build import (
    build_data,
    build_model,
    build_trainer,
    check_checkpoint,
    checkpoint_path,
    seed_everything,
    task_class,
)
from lightning_transformers.runs.evaluate import evaluate
from lightning_transformers.runs.manifest.config import without_environment
from lightning_transformers.training.checkpoint import check_resumable, newest_checkpoint

log = logging.getLogger(__name__)

if TYPE_CHECKING:
    from pytorch_lightning import Trainer

    from lightning_transformers.core import TaskTransformer, TransformerDataModule


def train(
    model: TaskTransformer,
    data: TransformerDataModule,
    trainer: Trainer,
    *,
    checkpoint_path: str | None = None,
    validate_before_fit: bool = False,
) -> dict[str, float]:
    """Fit a model on data and return the last value of each metric that was logged.

    Args:
        model: the task.
        data: its data, with the tokenizer of the model's backbone.
        trainer: a Lightning trainer.
        checkpoint_path: resume from there, with the optimizer and the schedule as they were.
        validate_before_fit: log the validation metrics of the untrained model first.
    """
    if validate_before_fit:
        trainer.validate(model, datamodule=data, verbose=False)
    trainer.fit(model, datamodule=data, ckpt_path=checkpoint_path, weights_only=True)
    return {name: float(value) for name, value in trainer.callback_metrics.items()}


def evaluate_best(
    model: TaskTransformer, data: TransformerDataModule, trainer: Trainer
) -> dict[str, float]:
    """Return the metrics of the best checkpoint of a fit, or of its last weights where none is.

    Args:
        model: the task that was fitted.
        data: its data.
        trainer: the trainer of the fit.
    """
    best = best_checkpoint(trainer)
    log.info("testing %s", best or "the last weights")
    return evaluate(model, data, trainer, checkpoint_path=best, verbose=False)


def best_checkpoint(trainer: Trainer) -> str | None:
    """Return the best checkpoint by the metric that one of the trainer's callbacks monitors."""
    callbacks = [vars(callback) for callback in trainer.checkpoint_callbacks]
    best = (callback.get("best_model_path") for callback in callbacks if callback.get("monitor"))
    return next(filter(None, best), None)


def train_from_config(config: DictConfig) -> dict[str, float]:
    """Build the model, the data and the trainer of a composed config, and train."""
    check_config(config)
    return train_and_record(config)


def train_and_record(
    config: DictConfig, announce: Callable[[Manifest], None] | None = None
) -> dict[str, float]:
    """Train what a config says that was checked, and record it in the run folder.

    Args:
        config: the config.
        announce: is called with the manifest of the run on the first process, before anything is
            trained.
    """
    from lightning_transformers.runs.manifest.record import Recorder  # imports torch

    resumed = checkpoint_to_resume(config)
    checkpoint = resumed or checkpoint_path(config)
    if checkpoint and not resumed:
        check_resumable(checkpoint, config)
    seed_everything(config.training.seed)
    data = build_data(config)
    model = build_model(config, data)
    recorder = Recorder(config, model, data, announce)
    trainer = build_trainer(config, recorder)
    if trainer.is_global_zero:
        record_config(config, checkpoint, goes_on=resumed is not None)
    metrics = train(
        model,
        data,
        trainer,
        checkpoint_path=checkpoint,
        validate_before_fit=config.training.validate_before_fit,
    )
    tested = evaluate_best(model, data, trainer) if config.training.run_test_after_fit else {}
    if trainer.is_global_zero:
        recorder.finish(metrics | tested)
        validated = {name: value for name, value in metrics.items() if name.startswith("val/")}
        if validated:
            print(f"Last validation: {in_one_line(validated)}")
        if tested:
            print(f"Test of the best: {in_one_line(tested)}")
        print(f"Run folder: {config.training.run_dir}")
    return metrics | tested


def checkpoint_to_resume(config: DictConfig) -> str | None:
    """Return the newest checkpoint of the run folder, if `resume=auto` asks for it.

    Raises:
        ConfigurationError: for another value of `resume`, or a checkpoint of another task.
    """
    resume = config.get("resume")
    if resume is None:
        return None
    if resume != "auto":
        raise ConfigurationError(
            f"resume={resume}: 'auto' goes on from the newest checkpoint in the run folder; "
            "a certain one is given as +checkpoint_path=<file>"
        )
    folder = Path(config.training.run_dir)
    found = newest_checkpoint(folder / CHECKPOINTS)
    if found is None:
        log.info("resume=auto: no checkpoint in %s, the run starts from the beginning", folder)
    else:
        check_checkpoint(task_class(config), found)
        check_resumable(found, config)
        log.info("resume=auto: the run goes on from %s", found)
    return found


def in_one_line(metrics: Mapping[str, float]) -> str:
    """Return metrics in one line, which no width of a terminal cuts."""
    return ", ".join(f"{name} {value:.4g}" for name, value in metrics.items())


def record_config(config: DictConfig, checkpoint: str | None, goes_on: bool) -> None:
    """Write the config into the run folder, and keep what a former run has left there.

    Args:
        config: the config.
        checkpoint: what the run begins from, or goes on from.
        goes_on: whether it is the run in the folder that goes on, rather than another that begins.
    """
    folder = Path(config.training.run_dir)
    folder.mkdir(parents=True, exist_ok=True)
    if goes_on:
        archive(folder / METRICS)
        archive(folder / MANIFEST)
    else:
        archive_former_run(folder, start=checkpoint)
    OmegaConf.save(without_environment(config), folder / CONFIG)
