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
    recorded_hyperparameters,
    seed_everything,
    task_class,
)
from lightning_transformers.runs.evaluate import evaluate
from lightning_transformers.runs.manifest.config import without_environment
from lightning_transformers.training.checkpoint import (
    check_resumable,
    newest_checkpoint,
    read_training_state,
)
from lightning_transformers.training.formulas import recorded_formulas

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
    """Train a model on data.

        from lightning_transformers import Backbone, train
        from lightning_transformers.task.nlp.text_classification import (
            TextClassificationDataModule,
            TextClassificationTransformer,
        )
        from pytorch_lightning import Trainer

        tokenizer = Backbone("bert-base-uncased").load_tokenizer()
        data = TextClassificationDataModule(tokenizer, train_file="train.csv")
        model = TextClassificationTransformer(
            "bert-base-uncased", model_data_kwargs=data.model_data_kwargs
        )
        metrics = train(model, data, Trainer(max_epochs=1))

    Args:
        model: the task.
        data: its data, with the tokenizer or image processor of the model's backbone.
        trainer: a Lightning trainer.
        checkpoint_path: resume from this checkpoint, with its optimizer and schedule.
        validate_before_fit: log the validation metrics of the untrained model first.

    Returns:
        The last logged value of each metric, such as `train/loss` and `val/loss`.
    """
    if validate_before_fit:
        trainer.validate(model, datamodule=data, verbose=False)
    trainer.fit(model, datamodule=data, ckpt_path=checkpoint_path, weights_only=True)
    return {name: float(value) for name, value in trainer.callback_metrics.items()}


def evaluate_best(
    model: TaskTransformer, data: TransformerDataModule, trainer: Trainer
) -> dict[str, float]:
    """Return the test metrics of the best checkpoint of a fit, or without one of the last weights.

    Args:
        model: the task that was trained.
        data: its data.
        trainer: the trainer of the fit.
    """
    best = best_checkpoint(trainer)
    log.info("testing %s", best or "the last weights")
    return evaluate(model, data, trainer, checkpoint_path=best, verbose=False)


def best_checkpoint(trainer: Trainer) -> str | None:
    """Return the best checkpoint of the first callback that monitors a metric, or None."""
    callbacks = [vars(callback) for callback in trainer.checkpoint_callbacks]
    best = (callback.get("best_model_path") for callback in callbacks if callback.get("monitor"))
    return next(filter(None, best), None)


def train_from_config(config: DictConfig) -> dict[str, float]:
    """Check a composed config, train with it, and record the run in `training.run_dir`.

    Returns:
        The last value of each metric; with `training.run_test_after_fit`, those of the test too.

    Raises:
        ConfigurationError: for a mistake in the config.
    """
    check_config(config)
    return train_and_record(config)


def train_and_record(
    config: DictConfig,
    announce: Callable[[Manifest], None] | None = None,
    formulas: int | None = None,
) -> dict[str, float]:
    """Train with a checked config, and record the run in `training.run_dir`.

    Args:
        config: the config.
        announce: called on rank 0 with the manifest of the run, before the first step.
        formulas: version of the formulas; None: that of the checkpoint, or the newest.

    Returns:
        As `train_from_config`.
    """
    from lightning_transformers.runs.manifest.record import Recorder  # imports torch

    resumed = checkpoint_to_resume(config)
    checkpoint = resumed or checkpoint_path(config)
    if checkpoint and not resumed:
        check_resumable(checkpoint, config)
    seed_everything(config.training.seed)
    # Later versions may infer classes or columns otherwise.
    recorded = recorded_hyperparameters(checkpoint) if checkpoint else None
    data = build_data(config, recorded=recorded)
    model = build_model(config, data)
    if formulas is not None or checkpoint:
        model.formulas = formulas or recorded_formulas(read_training_state(str(checkpoint)))
    recorder = Recorder(config, model, data, announce)
    trainer = build_trainer(config, recorder)
    if trainer.is_global_zero:
        record_config(config, checkpoint, resumes=resumed is not None)
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
    """Return the newest checkpoint of the run folder if `resume=auto` is set, else None.

    Raises:
        ConfigurationError: for another value of `resume`, or a checkpoint of another task.
    """
    resume = config.get("resume")
    if resume is None:
        return None
    if resume != "auto":
        raise ConfigurationError(
            f"resume={resume} is not known: give resume=auto for the newest checkpoint in the run "
            "folder, or +checkpoint_path=<file> for another"
        )
    folder = Path(config.training.run_dir)
    found = newest_checkpoint(folder / CHECKPOINTS)
    if found is None:
        log.info("resume=auto: no checkpoint in %s, training starts at the first step", folder)
    else:
        check_checkpoint(task_class(config), found)
        check_resumable(found, config)
        log.info("resume=auto: resuming from %s", found)
    return found


def in_one_line(metrics: Mapping[str, float]) -> str:
    """Return metrics as one line for the console, each to four significant digits."""
    return ", ".join(f"{name} {value:.4g}" for name, value in metrics.items())


def record_config(config: DictConfig, checkpoint: str | None, resumes: bool) -> None:
    """Write the config into the run folder, and archive the records of an earlier run in it.

    Args:
        config: the config.
        checkpoint: the checkpoint that the run starts from or resumes.
        resumes: whether the run in the folder is resumed; otherwise another one starts.
    """
    folder = Path(config.training.run_dir)
    folder.mkdir(parents=True, exist_ok=True)
    if resumes:
        archive(folder / METRICS)
        archive(folder / MANIFEST)
    else:
        archive_former_run(folder, start=checkpoint)
    OmegaConf.save(without_environment(config), folder / CONFIG)
