"""Predict with a trained task: from Python with `predict`, from a composed config."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from copy import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.utils import to_absolute_path
from omegaconf import DictConfig, OmegaConf

from lightning_transformers.base.errors import ConfigurationError, joined
from lightning_transformers.base.hyperparameters import to_plain
from lightning_transformers.base.instantiation import instantiate
from lightning_transformers.base.lazy import import_uncollected
from lightning_transformers.base.run_log import log_failure
from lightning_transformers.config.checks import check_config, check_inputs
from lightning_transformers.config.launcher import watch_ranks
from lightning_transformers.data.source_code import module_sources
from lightning_transformers.runs.build import (
    checkpoint_path,
    first_device,
    restore,
    seed_everything,
)
from lightning_transformers.runs.manifest.digests import digest_of

if TYPE_CHECKING:
    from datasets import Dataset
    from pytorch_lightning import Trainer

    from lightning_transformers.base.types import Settings
    from lightning_transformers.core import TaskTransformer, TransformerDataModule

log = logging.getLogger(__name__)

FORMATS = (".csv", ".jsonl", ".parquet")
"""Endings of an output file."""
TRAINING_FILES = ("train_file", "validation_file", "test_file", "source_file", "target_file")


def predict(
    model: TaskTransformer,
    data: TransformerDataModule,
    inputs: Sequence[object] | Settings | None = None,
) -> list[Any]:
    """Return a model's predictions on inputs, in batches of the data's `batch_size`.

        from lightning_transformers import load, predict

        task, data = load("outputs/run")
        print(predict(task, data, ["A text.", "Another one."]))

    Args:
        model: the task; it predicts in eval mode, on the device and in the precision that it has.
        data: its data module.
        inputs: texts, paths of images, or mappings from columns to values; a single text or mapping
            is one input. By default the rows of the data's `predict_file`.

    Returns:
        A prediction for each input, or `{"error": reason}` if it cannot have one; "Tasks" in
        the documentation shows those of each task.

    Raises:
        ConfigurationError: without inputs and without a `predict_file`, or if no input can have a
            prediction.
    """
    faults: dict[int, str] = {}
    if inputs is None:
        from lightning_transformers.data.reading.reader import faults_of  # imports transformers

        rows = rows_to_predict(data)
        inputs, faults = list(rows), faults_of(rows)
    predictions = model.predict(inputs, data, batch_size=data.batch_size)
    for index, reason in faults.items():
        predictions[index] = {"error": reason}
    return predictions


def rows_to_predict(data: TransformerDataModule) -> Dataset:
    """Return the rows of the data's `predict_file`; raises ConfigurationError without one."""
    source = copy(data)
    if data.predict_file:  # the files of the training may be gone
        for name in TRAINING_FILES:
            setattr(source, name, None)
    source.streaming = False
    rows = source.load_dataset()
    if "predict" not in rows:
        raise ConfigurationError("nothing to predict on: give inputs or a predict_file")
    return rows["predict"]


@log_failure()
def predict_from_config(config: DictConfig) -> list[Any]:
    """Print and return the predictions on `x`, or on each row of `dataset.predict_file`.

    Each is printed on a line, as JSON unless it is a text. The first of the trainer's devices
    predicts, in single precision. With `output_file`, the predictions on the rows of the file are
    written there instead, by all of the trainer's devices.

    Raises:
        ConfigurationError: without `x` and `predict_file`, or for a mistake in the config.
    """
    check_config(config, needs_dataset=False)
    if config.x is None and not config.dataset.get("predict_file"):
        raise ConfigurationError(
            "nothing to predict on: give +x=<input>, such as a text, or dataset.predict_file=<file>"
        )
    if output_file := config.get("output_file"):
        check_output(output_file, config)
    check_inputs(config, ["predict"] if config.x is None else ())
    import_uncollected("lightning_transformers.core")
    from datasets import disable_progress_bars  # imports pandas, as others do torch

    from lightning_transformers.runs.failures import known_failures  # imports torch

    disable_progress_bars()
    seed_everything(config.training.seed)
    model, data = restore(config, ["predict"] if config.x is None else ())
    if config.checkpoint_path is None:
        warn_of_new_weights(model)
    if output_file:
        predict_file(config, model, data, Path(to_absolute_path(output_file)))
        return []
    device = first_device(config)
    with known_failures(config, device):
        model.to(device)
        predictions = predict(model, data, None if config.x is None else [to_plain(config.x)])
    for prediction in predictions:
        is_text = isinstance(prediction, str)
        print(prediction if is_text else json.dumps(prediction, ensure_ascii=False))
    return predictions


def check_output(name: str, config: DictConfig) -> None:
    """Check the name of an output file.

    Raises:
        ConfigurationError: for an unknown ending, or without a `predict_file`.
    """
    if Path(name).suffix not in FORMATS:
        raise ConfigurationError(
            f"output_file={name} does not end with {', '.join(FORMATS)}: give a file that does"
        )
    if config.x is not None:
        raise ConfigurationError(
            "output_file takes the predictions on a file: give dataset.predict_file instead of x"
        )


def warn_of_new_weights(model: TaskTransformer) -> None:
    """Warn if the backbone's files lack weights of the model, such as those of its head.

    Args:
        model: the task, without a checkpoint.
    """
    from lightning_transformers.models.backbone import is_new  # imports torch

    names = [name for name, weight in model.model.named_parameters() if is_new(weight)]
    if names or model.backbone.random_weights:
        log.warning(
            "no checkpoint_path: %s of '%s' are untrained, so predictions are random; give "
            "checkpoint_path=<file>",
            f"the weights {joined(names)}" if names else "all weights",
            model.backbone.pretrained_model_name_or_path,
        )


def predicting_trainer(config: DictConfig) -> Trainer:
    """Return a trainer on all devices of the config, which only predicts.

    From now on rank 0 watches the other ranks, see `watch_ranks`.
    """
    from lightning_transformers.runs.results.prediction_file import RowBar  # imports torch

    shows = config.trainer.get("enable_progress_bar", True)
    trainer: Trainer = instantiate(
        "trainer",
        config.trainer,
        strategy="auto",
        precision="32-true",
        fast_dev_run=False,
        use_distributed_sampler=False,  # a rank takes its own parts
        logger=False,
        enable_checkpointing=False,
        enable_model_summary=False,
        callbacks=[RowBar()] if shows else [],
    )
    watch_ranks(trainer.num_devices)
    return trainer


def predict_file(
    config: DictConfig, model: TaskTransformer, data: TransformerDataModule, file: Path
) -> None:
    """Write the predictions on the data's `predict_file` to a file.

    A killed command continues where it ended, if checkpoint, config, code and rows are the same.

    Args:
        config: the composed config.
        model: the task.
        data: its data.
        file: the output file.
    """
    from lightning_transformers.data.reading.reader import faults_of
    from lightning_transformers.runs.failures import known_failures
    from lightning_transformers.runs.results.prediction_file import (  # imports torch
        PartPredictor,
        parts_folder,
        predict_to_file,
    )

    rows = rows_to_predict(data)
    checkpoint = checkpoint_path(config)
    identity = (
        rows._fingerprint,
        checkpoint and digest_of(Path(checkpoint)),
        [
            OmegaConf.to_yaml(config[group], resolve=True)
            for group in ("task", "dataset", "backbone")
        ],
        module_sources(type(model).__module__, type(data).__module__),
    )
    predictor = PartPredictor(model, data, rows, faults_of(rows), parts_folder(file, identity))
    trainer = predicting_trainer(config)
    with known_failures(config, trainer.strategy.root_device):
        predict_to_file(predictor, trainer, file)
