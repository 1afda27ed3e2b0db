"""Predict with a trained task: from Python with `predict`, from a composed config."""

from __future__ import annotations

import json
from collections.abc import Sequence
from copy import copy
from typing import TYPE_CHECKING, Any

from datasets import Dataset, disable_progress_bars
from omegaconf import DictConfig

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.base.hyperparameters import to_plain
from lightning_transformers.config.checks import check_config
from lightning_transformers.runs.build import first_device, restore, seed_everything

if TYPE_CHECKING:
    from lightning_transformers.base.types import Settings
    from lightning_transformers.core import TaskTransformer, TransformerDataModule

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
        A prediction for each input, or `{"error": reason}` if it cannot have one; `docs/tasks.md`
        shows those of each task.

    Raises:
        ConfigurationError: without inputs and without a `predict_file`, or if no input can have a
            prediction.
    """
    faults: dict[int, str] = {}
    if inputs is None:
        source = copy(data)
        if data.predict_file:  # the files of the training may be gone
            for name in TRAINING_FILES:
                setattr(source, name, None)
            source.streaming = False
        rows = source.load_dataset()
        if "predict" not in rows:
            raise ConfigurationError("nothing to predict on: give inputs or a predict_file")
        inputs = list(rows["predict"])
        from lightning_transformers.data.reading.reader import faults_of  # imports transformers

        if isinstance(rows["predict"], Dataset):
            faults = faults_of(rows["predict"])
    predictions = model.predict(inputs, data, batch_size=data.batch_size)
    for index, reason in faults.items():
        predictions[index] = {"error": reason}
    return predictions


def predict_from_config(config: DictConfig) -> list[Any]:
    """Print and return the predictions on `x`, or on each row of `dataset.predict_file`.

    Each is printed on a line, as JSON unless it is a text. The first of the trainer's devices
    predicts, in single precision.

    Raises:
        ConfigurationError: without `x` and `predict_file`, or for a mistake in the config.
    """
    check_config(config, needs_dataset=False)
    if config.x is None and not config.dataset.get("predict_file"):
        raise ConfigurationError(
            "nothing to predict on: give +x=<input>, such as a text, or dataset.predict_file=<file>"
        )
    disable_progress_bars()
    seed_everything(config.training.seed)
    model, data = restore(config)
    model.to(first_device(config))
    predictions = predict(model, data, None if config.x is None else [to_plain(config.x)])
    for prediction in predictions:
        is_text = isinstance(prediction, str)
        print(prediction if is_text else json.dumps(prediction, ensure_ascii=False))
    return predictions
