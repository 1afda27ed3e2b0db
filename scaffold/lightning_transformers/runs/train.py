"""Train a task: from Python with `train`, from a composed config with `train_from_config`."""

from __future__ import annotations

import logging
import os
import shlex
import shutil
import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from functools import partial
from pathlib import Path
from socket import gethostname
from typing import TYPE_CHECKING, Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from lightning_transformers.base.atomic import restore_former
from lightning_transformers.base.lazy import import_uncollected
from lightning_transformers.base.run_folder import (
    CHECKPOINTS,
    CONFIG,
    FAILED,
    FINISHED,
    KILLED,
    MANIFEST,
    RUNNING,
    Manifest,
    archive,
    archive_former_run,
    archived,
    is_run,
    read_manifest,
    write_manifest,
)
from lightning_transformers.base.run_lock import run_lock
from lightning_transformers.base.run_log import log_detail, log_for_file, report
from lightning_transformers.base.traces.format import TRACE
from lightning_transformers.config.checks import check_config, check_inputs
from lightning_transformers.config.launcher import is_rank_zero
from lightning_transformers.config.provenance import changed_settings
from lightning_transformers.runs.build import (
    build_data,
    build_model,
    build_trainer,
    check_checkpoint,
    check_files,
    checkpoint_path,
    recorded_hyperparameters,
    seed_everything,
    task_class,
)
from lightning_transformers.runs.evaluate import evaluate
from lightning_transformers.runs.manifest.config import without_environment
from lightning_transformers.runs.outcome import (
    best_callbacks,
    best_of,
    last_lines,
    outcome_of,
    outcome_of_error,
)
from lightning_transformers.sweeps import TRIAL
from lightning_transformers.training.checkpoint import (
    check_resumable,
    kept_settings,
    newest_checkpoint,
    read_training_state,
)
from lightning_transformers.training.formulas import recorded_formulas

log = logging.getLogger(__name__)

if TYPE_CHECKING:
    from pytorch_lightning import Callback, Trainer

    from lightning_transformers.core import TaskTransformer, TransformerDataModule
    from lightning_transformers.runs.manifest.record import Recorder

SHARDED = "lightning_transformers.models.sharding.FullyShardedStrategy"
"""The strategy of `trainer=fsdp`."""
LIMITS = ("max_epochs", "max_steps", "max_time")
"""Arguments of the trainer that end a fit."""


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
        validate_before_fit: log the validation metrics of the untrained model first, in place of
            the trainer's sanity check.

    Returns:
        The last logged value of each metric, such as `train/loss` and `val/loss`.

    Raises:
        ConfigurationError: before the first step, if a callback or a schedule monitors a metric
            that the validation does not log, or with a mode that contradicts the metric. Not with
            `num_sanity_val_steps=0` of the trainer.
    """
    from lightning_transformers.core.monitor_check import MonitorCheck  # imports torch
    from lightning_transformers.training.trainer_fields import fields

    if trainer.num_sanity_val_steps:
        fields(trainer).callbacks.insert(0, MonitorCheck())
    if validate_before_fit:
        trainer.validate(model, datamodule=data, verbose=False)
        trainer.num_sanity_val_steps = 0
    trainer.fit(model, datamodule=data, ckpt_path=checkpoint_path, weights_only=True)
    return logged_scalars(trainer)


def logged_scalars(trainer: Trainer) -> dict[str, float]:
    """Return the last logged value of each metric."""
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
    """Return the best checkpoint of the first callback that has one, or None."""
    best = (callback.best_model_path for callback in best_callbacks(trainer))
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
    repeated: Manifest | None = None,
) -> dict[str, float]:
    """Train with a checked config, record the run in `training.run_dir`, and print its metrics.

    Args:
        config: the config.
        announce: called on rank 0 with the manifest of the run, before the first step.
        repeated: the manifest of the run that this one repeats, for the version of its formulas and
            its changed settings.

    Returns:
        As `train_from_config`.

    Raises:
        ConfigurationError: for a value that the task or the data rejects, or a checkpoint that
            training cannot resume from.
    """
    with run_lock(folder_of(config)) if is_rank_zero() else nullcontext():
        # Without a training state there is nothing to compare with the config.
        if config.get("resume") and not keeps_state(config) and (ended := ended_run(config)):
            return ended["metrics"]
        resumed = checkpoint_to_resume(config)
        if resumed and (ended := ended_run(config)):
            return ended["metrics"]
        check_inputs(config)
        if is_rank_zero():  # before seconds of imports
            task = config.task._target_.rpartition(".")[2]
            model = config.backbone.pretrained_model_name_or_path
            log.info("training %s on %s in %s", task, model, os.path.relpath(folder_of(config)))
        try:
            metrics = _train_and_record(config, resumed, announce, repeated)
        except Exception as error:
            fail_early(config, error)
            end_wandb_run(exit_code=1)
            raise
        end_wandb_run(exit_code=0)
        return metrics


def _train_and_record(
    config: DictConfig,
    resumed: str | None,
    announce: Callable[[Manifest], None] | None,
    repeated: Manifest | None,
) -> dict[str, float]:
    import_uncollected("lightning_transformers.core", "lightning_transformers.callbacks")
    from lightning_transformers.data.loading import SPLITS
    from lightning_transformers.models.shard_loading import deferred_weights
    from lightning_transformers.runs.curve import Curve, CurveState
    from lightning_transformers.runs.failures import known_failure
    from lightning_transformers.runs.manifest.record import Recorder  # imports torch
    from lightning_transformers.runs.results.recorder import ROWS_IN_TRAINING, PredictionRecorder
    from lightning_transformers.runs.results.report import report_run
    from lightning_transformers.runs.results.sent_values import send_once
    from lightning_transformers.training.trainer_fields import fields

    log_detail("start: %s (process %d on %s)", shlex.join(sys.argv), os.getpid(), gethostname())
    if resumed:
        log.info("resume=auto: resuming from %s", resumed)
    folder = folder_of(config)
    checkpoint = resumed or checkpoint_path(config)
    if checkpoint and not resumed:
        check_resumable(checkpoint, config)
    seed_everything(config.training.seed)
    state = read_training_state(str(checkpoint)) if checkpoint else {}
    for line in kept_settings(state, config) if is_rank_zero() else ():
        log.warning("%s", line)
    # Later versions may infer classes or columns otherwise.
    recorded = recorded_hyperparameters(state) if checkpoint else None
    data = build_data(config, recorded=recorded)
    check_files(data, SPLITS)
    with deferred_weights() if loads_shards(config) else nullcontext():
        model = build_model(config, data)
    if repeated or checkpoint:
        model.formulas = recorded_formulas(repeated["training"] if repeated else state)
    changed = repeated.get("changed", {}) if repeated else changed_settings(config)
    recorder, kept = Recorder(config, model, data, changed, announce), CurveState()
    predictions = PredictionRecorder(folder, limit=ROWS_IN_TRAINING)
    curve = Curve.of(state, loggers_of(folder)) if resumed else None
    loggers = curve.continue_loggers(config.logger) if curve else config.logger
    own = (*loss_guards(config, data), recorder, kept, predictions, *pruning(), *tracing())
    trainer = build_trainer(config, *own, loggers=loggers, model=model)
    is_dry_run = fields(trainer).fast_dev_run
    try:
        if trainer.is_global_zero:
            record_config(config, checkpoint, resumes=resumed is not None)
            if not is_dry_run:
                send_once(config.logger, trainer.loggers, folder, is_resumed=curve is not None)
            if curve:
                curve.restore(trainer.loggers, kept.recent)
        metrics = train(
            model,
            data,
            trainer,
            checkpoint_path=checkpoint,
            validate_before_fit=config.training.validate_before_fit and not resumed,
        )
        outcome = outcome_of(trainer) | best_of(trainer, folder)
        tested = evaluate_best(model, data, trainer) if config.training.run_test_after_fit else {}
        end(recorder, folder, tested, **outcome, metrics=metrics | tested)
    except BaseException as error:
        failure = known_failure(error, config, trainer.strategy.root_device)
        if trainer.is_global_zero:
            outcome = outcome_of_error(failure or error)
            if outcome["status"] == FAILED and recorder.is_done:
                log_for_file(logging.ERROR, outcome["reason"], error)
            with suppress(OSError):  # of a full disk; the error of the run counts
                overrides = failure.overrides if failure else ()
                end(recorder, folder, {}, overrides, **outcome, **best_of(trainer, folder))
            if outcome["status"] == FAILED and recorder.is_done and not is_dry_run:
                report_run(config, data, logged_scalars(trainer))
        if failure:
            raise failure from error
        raise
    if trainer.is_global_zero and not is_dry_run:
        report_run(config, data, metrics | tested)
        if not keeps_state(config):
            keep_weights(folder / CHECKPOINTS, outcome.get("best", {}).get("checkpoint"))
    return metrics | tested


def loads_shards(config: DictConfig) -> bool:
    """Return whether each rank loads its part of the weights; an adapter needs whole layers."""
    strategy = OmegaConf.select(config, "trainer.strategy._target_")
    return strategy == SHARDED and not config.task.get("peft")


def end_wandb_run(exit_code: int) -> None:
    """End the run of W&B, if there is one: its logger would add the next run of this process."""
    if wandb := sys.modules.get("wandb"):
        wandb.finish(exit_code)


def pruning() -> list[Callback]:
    """Return the callback that stops a bad trial, for a trial of a sweep with a pruner."""
    if TRIAL not in os.environ:
        return []
    from lightning_transformers.sweeps.pruning import Pruning  # imports Optuna

    return [Pruning()]


def tracing() -> list[Callback]:
    """Return the callback that records a trace, for a run that another process compares."""
    if TRACE not in os.environ:
        return []
    from lightning_transformers.runs.results.trace import TraceRecorder  # imports torch

    return [TraceRecorder()]


def fail_early(config: DictConfig, error: Exception) -> None:
    """Record the failure of a run that has no manifest yet, on rank 0."""
    from lightning_transformers.runs.manifest.record import record_early_failure

    folder = folder_of(config)
    if is_rank_zero() and not (folder / MANIFEST).is_file():
        outcome = outcome_of_error(error)
        log_for_file(logging.ERROR, outcome["reason"], error)
        with suppress(OSError):  # of a full disk
            record_early_failure(config, {**outcome, "loggers": loggers_of(folder)})


def loss_guards(config: DictConfig, data: TransformerDataModule) -> list[Callback]:
    """Return the callback of `training.nan_patience`, if that is set."""
    from lightning_transformers.core.finite_loss import FiniteLoss
    from lightning_transformers.runs.failures import last_checkpoint, rows_of_batch

    patience = config.training.get("nan_patience")  # older configs lack it
    saved = partial(last_checkpoint, folder_of(config))
    return [FiniteLoss(patience, partial(rows_of_batch, data), saved)] if patience else []


def end(
    recorder: Recorder,
    folder: Path,
    tested: dict[str, float],
    overrides: Sequence[str] = (),
    **outcome: Any,
) -> None:
    """Record how a run ended, and report it in the last lines of its output.

    Args:
        recorder: the recorder of the run.
        folder: the run folder.
        tested: the metrics of the test, empty without a test.
        overrides: those with which the run can be resumed.
        outcome: see `Recorder.finish`.
    """
    if manifest := recorder.finish(**outcome):
        for line in last_lines(manifest, folder, tested, overrides):
            report(line)


def keeps_state(config: DictConfig) -> bool:
    """Return whether a run that has ended keeps its training state; by default not in a sweep."""
    kept: bool | str = config.training.get("keep_state", "auto")
    if kept == "auto":
        return not HydraConfig.initialized() or HydraConfig.get().mode != RunMode.MULTIRUN
    return bool(kept)


def keep_weights(folder: Path, best: str | None) -> None:
    """Reduce the checkpoints of a run that has ended to their weights; sharded ones stay whole.

    Args:
        folder: its checkpoints.
        best: path of the best one from the run folder; with it, `last.ckpt` is removed.
    """
    from lightning_transformers.training.checkpoint_io import drop_training_state

    last = folder / "last.ckpt"
    if best and last != folder.parent / best:
        shutil.rmtree(last) if last.is_dir() else last.unlink(missing_ok=True)
    for file in filter(Path.is_file, sorted(folder.rglob("*.ckpt"))):
        drop_training_state(file)


def folder_of(config: DictConfig) -> Path:
    """Return the run folder of a config."""
    return Path(config.training.run_dir)


def loggers_of(folder: Path) -> dict[str, str | int]:
    """Return the id or version of the run of each logger, as the newest manifest has it."""
    files = [*archived(folder / MANIFEST), folder / MANIFEST]
    newest = [file for file in files if file.is_file()][-1:]
    return read_manifest(newest[0]).get("loggers", {}) if newest else {}


def ended_run(config: DictConfig) -> Manifest | None:
    """Report that the run that `resume=auto` names has ended, and return its manifest.

    A run has ended by itself or early, at the limits (`LIMITS`) that the config has, too.

    Returns:
        The manifest with its `metrics`; None if a run starts, or is resumed or extended.
    """
    folder = folder_of(config)
    if not is_run(folder) or not any((folder / CHECKPOINTS).glob("*.ckpt")):
        return None
    manifest = read_manifest(folder / MANIFEST)
    then, now = OmegaConf.load(folder / CONFIG), config
    limits = [f"trainer.{name}" for name in LIMITS]
    same = all(OmegaConf.select(then, key) == OmegaConf.select(now, key) for key in limits)
    if "metrics" not in manifest or not same:
        return None
    if is_rank_zero():
        status, reason = manifest.get("status", FINISHED), manifest.get("reason", "")
        print(
            f"The run in {folder} has ended ({status}{reason and f': {reason}'}): to extend it, "
            "give a larger trainer.max_epochs or trainer.max_steps"
        )
    return manifest


def checkpoint_to_resume(config: DictConfig) -> str | None:
    """Return the newest checkpoint of the run folder if `resume=auto` is set, else None.

    Raises:
        ConfigurationError: if training with the config cannot resume from the checkpoint, see
            `check_checkpoint` and `check_resumable`.
    """
    if config.get("resume") is None:
        return None
    folder = folder_of(config)
    restore_former(folder / CHECKPOINTS)
    found = newest_checkpoint(folder / CHECKPOINTS)
    if found is None:
        log.info("resume=auto: no checkpoint in %s, training starts at the first step", folder)
    else:
        check_checkpoint(task_class(config), found)
        check_resumable(found, config)
    return found


def record_config(config: DictConfig, checkpoint: str | None, resumes: bool) -> None:
    """Write the config into the run folder, and archive an earlier run in it.

    Of a run that is resumed, the metrics and the manifest are renamed; of another one, all files
    are moved, see `archive_former_run`.

    Args:
        config: the config.
        checkpoint: the checkpoint that the run starts from or resumes.
        resumes: whether the run in the folder is resumed; otherwise another one starts.
    """
    folder = folder_of(config)
    if (file := folder / MANIFEST).is_file():
        former = read_manifest(file)
        if former.get("status") == RUNNING:  # without its lock
            write_manifest(file, former | {"status": KILLED})
    if resumes:
        archive(folder / MANIFEST)
    else:
        archive_former_run(folder, start=checkpoint)
    OmegaConf.save(without_environment(config), folder / CONFIG)
