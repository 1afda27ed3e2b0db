"""Predictions: of raw inputs, and the columns that an evaluation records of its examples."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, zip_longest
from typing import Any

import torch
from lightning_fabric.utilities import move_data_to_device
from pytorch_lightning import LightningModule
from torch import Tensor
from transformers.utils.generic import ModelOutput

from lightning_transformers.base.errors import ConfigurationError, first_line
from lightning_transformers.base.run_folder import PROBABILITY
from lightning_transformers.base.types import Batch, Columns, Loss
from lightning_transformers.data.cleaning import usable_inputs
from lightning_transformers.data.dataloaders import EvaluationSampler
from lightning_transformers.models.eval_mode import evaluation_mode

MISSING = object()

log = logging.getLogger(__name__)


def predict_inputs(
    task: Any, inputs: Sequence[object], data: Any, batch_size: int, needs_one: bool = True
) -> list[Any]:
    """Return a prediction per raw input, see `TaskTransformer.predict`.

    Args:
        task: the task.
        inputs: the raw inputs.
        data: the data module that processes them.
        batch_size: examples per batch.
        needs_one: whether it is an error if no input can have a prediction.
    """
    task.attach_data(data)
    try:
        return _predictions(task, data, batch_size, *usable_inputs(inputs, data.clean_input))
    except ConfigurationError:  # find the inputs at fault
        found = usable_inputs(inputs, data.clean_input, data.predict_rows, needs_one)
        return _predictions(task, data, batch_size, *found)


def _predictions(
    task: Any, data: Any, batch_size: int, usable: Sequence[object], reasons: Mapping[int, str]
) -> list[Any]:
    found: list[Any] = []
    # Inputs of similar length share a batch.
    order = sorted(range(len(usable)), key=lambda place: size_of(usable[place]))
    usable = [usable[place] for place in order]
    with torch.no_grad(), evaluation_mode(task):
        batches = data.predict_batches(usable, batch_size) if usable or not reasons else ()
        for index, batch in enumerate(batches):
            found += task.predict_step(move_data_to_device(batch, task.device), index)
        merged = task.merge_predictions(found)
        if len(merged) != len(usable):
            raise ConfigurationError(
                f"{type(task).__name__} gives {len(merged)} predictions for {len(usable)} inputs: "
                "return one for each from merge_predictions"
            )
        whole = task.finish_predictions(merged, usable)
        found = in_places([task.postprocess(prediction) for prediction in whole], order)
    for index, reason in reasons.items():  # ascending
        found.insert(index, {"error": reason})
    return found


def size_of(value: object) -> int:
    """Return the number of characters in a raw input, 0 for an image."""
    match value:
        case str():
            return len(value)
        case Mapping():
            return sum(map(size_of, value.values()))
        case list() | tuple():
            return sum(map(size_of, value))
    return 0


def in_places(values: Sequence[Any], places: Sequence[int]) -> list[Any]:
    """Return values in ascending order of their places."""
    return [values[number] for number in sorted(range(len(values)), key=places.__getitem__)]


class EvaluatedColumns(LightningModule):
    """The part of a task that `predictions.parquet` is made of, for a subclass to complete."""

    recording: Recording | None = None
    """Collects the columns of an evaluation; None: they are not recorded."""
    all_probabilities: bool = False
    """Whether `predict` of a classifier adds `probabilities`, by class."""

    def evaluated_columns(
        self, outputs: ModelOutput, batch: Batch, inputs: Mapping[str, Any]
    ) -> dict[str, list[Any]]:
        """Return a value per example of a batch for each column of `predictions.parquet`.

        Args:
            outputs: the outputs of `forward`, their tensors `(batch, …)`.
            batch: inputs and labels, each `(batch, …)`.
            inputs: the result of `metric_inputs`.

        Returns:
            By name, such as `label` and `prediction`; the loss is added.
        """
        return {}

    def merge_evaluated(self, columns: Columns) -> Columns:
        """Return the columns with one row per raw row; override if one has several examples.

        Args:
            columns: all columns of an evaluation, with a value per example.
        """
        return columns


class Recording:
    """Collects the columns of evaluated examples on each rank.

    A custom step may have other outputs, with which this fails: then the evaluation continues
    without its predictions.

    Args:
        limit: maximum number of examples per rank; None: all.
    """

    def __init__(self, limit: int | None = None) -> None:
        self.limit = limit
        self.parts: list[dict[str, list[Any]]] | None = []
        self.count = 0

    def add(
        self,
        task: Any,
        outputs: ModelOutput,
        batch: Batch,
        inputs: Mapping[str, Any],
        stage: str,
    ) -> None:
        """Add a batch, see `EvaluatedColumns.evaluated_columns`; its tensors are `(batch, …)`."""
        if self.parts is None or (self.limit is not None and self.count >= self.limit):
            return
        try:
            columns = evaluated(task, outputs, batch, inputs, stage)
        except Exception as error:
            log.warning("predictions are not recorded: %s", first_line(error) or repr(error))
            self.parts = None
            return
        self.parts.append(columns)
        self.count += len(columns["loss"])

    def gather(self, task: Any, loader: Any) -> tuple[Columns, list[int]] | None:
        """Return the columns of all ranks, in the order of the examples.

        Args:
            task: the task.
            loader: the dataloader of the evaluation.

        Returns:
            The columns, and the places of their examples in the data; None without examples.
        """
        parts: list[Any] = [self.parts]
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            parts = [None] * torch.distributed.get_world_size()
            torch.distributed.all_gather_object(parts, self.parts)
        if not all(parts):
            return None
        ranks = [joined(part) for part in parts]
        names = dict.fromkeys(chain.from_iterable(ranks))
        columns = {name: interleaved(rank[name] for rank in ranks) for name in names}
        sampler, count = getattr(loader, "sampler", None), len(columns["loss"])
        places: Sequence[int] = range(count)
        if isinstance(sampler, EvaluationSampler) and count <= sampler.total_size:
            places = sampler.order[:count]
            columns = {name: in_places(values, places) for name, values in columns.items()}
        return task.merge_evaluated(columns), sorted(places)


def evaluated(
    task: Any, outputs: ModelOutput, batch: Batch, inputs: Mapping[str, Any], stage: str
) -> dict[str, list[Any]]:
    """Return the columns of a batch with the losses; its tensors are `(batch, …)`.

    Raises:
        ValueError: for columns that differ in length.
    """
    losses = example_losses(task, outputs, batch, stage)
    columns = {**task.evaluated_columns(outputs, batch, inputs), "loss": losses}
    if {len(values) for values in columns.values()} != {len(losses)}:
        raise ValueError(f"{type(task).__name__} gives columns of different lengths")
    return columns


def joined(parts: Iterable[Mapping[str, list[Any]]]) -> dict[str, list[Any]]:
    """Return the columns of batches as one, with None where a batch lacks a column."""
    parts = list(parts)
    names = dict.fromkeys(chain.from_iterable(parts))
    sizes = [len(next(iter(part.values()))) for part in parts]
    return {
        name: [
            value
            for part, size in zip(parts, sizes, strict=True)
            for value in part.get(name, [None] * size)
        ]
        for name in names
    }


def interleaved(ranks: Iterable[list[Any]]) -> list[Any]:
    """Return the values of ranks in the order of the examples, which the sampler deals out."""
    turns = zip_longest(*ranks, fillvalue=MISSING)
    return [value for turn in turns for value in turn if value is not MISSING]


def example_losses(task: Any, outputs: ModelOutput, batch: Batch, stage: str) -> list[float | None]:
    """Return the loss of each example, as `compute_loss` gives it for the example alone.

    Args:
        task: the task.
        outputs: the outputs of `forward`, `(batch, …)`.
        batch: inputs and labels, `(batch, …)`.
        stage: `val` or `test`.

    Returns:
        A loss per example, None for one without targets.
    """
    size = len(next(iter(batch.values())))
    losses = [example_loss_of(task, outputs, batch, stage, number) for number in range(size)]
    counts = torch.stack([loss.count for loss in losses]).tolist()
    means = torch.stack([loss.mean.float() for loss in losses]).tolist()
    return [mean if count else None for mean, count in zip(means, counts, strict=True)]


def example_loss_of(task: Any, outputs: ModelOutput, batch: Batch, stage: str, number: int) -> Loss:
    """Return the loss of one example, see `example_losses`; tensors are `(batch, …)`."""
    size = len(next(iter(batch.values())))
    one = {name: values[number : number + 1] for name, values in batch.items()}
    own = ModelOutput(
        {
            name: value[number : number + 1]
            for name, value in outputs.items()
            if isinstance(value, Tensor) and value.ndim and len(value) == size
        }
    )
    own["loss"] = task.example_loss(own, one)
    loss: Loss = task.compute_loss(own, one, stage)
    return loss


def probability_columns(names: Sequence[str], probabilities: Tensor) -> dict[str, list[float]]:
    """Return a column of probabilities per class.

    Args:
        names: the classes.
        probabilities: `(batch, classes)`.
    """
    columns = probabilities.float().T.tolist()
    return {PROBABILITY + name: column for name, column in zip(names, columns, strict=True)}


def class_columns(names: Sequence[str], logits: Tensor, labels: Tensor) -> dict[str, list[Any]]:
    """Return `label`, `prediction`, its probability `score`, and the probability of each class.

    Args:
        names: the classes.
        logits: `(batch, classes)`.
        labels: class ids, `(batch,)`, int64.
    """
    probabilities = logits.float().softmax(-1)
    scores, numbers = probabilities.max(-1)
    return {
        "label": [names[number] for number in labels.tolist()],
        "prediction": [names[number] for number in numbers.tolist()],
        "score": scores.tolist(),
        **probability_columns(names, probabilities),
    }
