"""`predictions.parquet`: each evaluated row with its label, prediction and loss."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from datasets import Dataset
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.trainer.states import TrainerFn

from lightning_transformers.base.atomic import write_atomically
from lightning_transformers.base.run_folder import PREDICTIONS
from lightning_transformers.base.types import Columns
from lightning_transformers.core.prediction import EvaluatedColumns, Recording
from lightning_transformers.reports.run_files import ABOUT
from lightning_transformers.runs.outcome import best_callbacks
from lightning_transformers.training.trainer_fields import fields

ROWS_IN_TRAINING = 10_000
"""Rows per rank that a validation of a fit records."""
LABEL = "label"
"""Column with the label as a text, in place of a column of this name in the data."""


class PredictionRecorder(Callback):
    """Writes `predictions.parquet` after a test or a validation; of a fit, after the best one.

    The best validation is that of the first checkpoint callback that monitors a metric, the last
    one without such a callback.

    Args:
        folder: the run folder.
        limit: maximum number of rows per rank; None: all.
    """

    def __init__(self, folder: Path, limit: int | None = None) -> None:
        self.file = folder / PREDICTIONS
        self.limit = limit

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start to record, except in the sanity check and with `fast_dev_run`."""
        if not trainer.sanity_checking and not fields(trainer).fast_dev_run:
            limit = None if trainer.state.fn == TrainerFn.TESTING else self.limit
            pl_module.recording = Recording(limit)  # type: ignore[assignment]

    on_test_start = on_validation_start

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the file if the validation is the best so far, or outside of a fit."""
        self._write(trainer, pl_module, "validation")

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the file."""
        self._write(trainer, pl_module, "test")

    def _write(self, trainer: Trainer, task: Any, split: str) -> None:
        recording, task.recording = task.recording, None
        if recording is None or (trainer.state.fn == TrainerFn.FITTING and not is_best(trainer)):
            return
        loaders = trainer.test_dataloaders if split == "test" else trainer.val_dataloaders
        found = recording.gather(task, loaders)
        if found and trainer.is_global_zero:
            about = {"split": split, "step": trainer.global_step, "task": type(task).__name__}
            write_table(self.file, with_inputs(task, split, *found), about)


def is_best(trainer: Trainer) -> bool:
    """Return whether the last validation is the best, which the checkpoint callback saves next."""
    for callback in best_callbacks(trainer):
        current = trainer.callback_metrics.get(str(callback.monitor))
        return callback.check_monitor_top_k(trainer, current)
    return True


def with_inputs(task: Any, split: str, columns: Columns, places: Sequence[int]) -> pa.Table:
    """Return the recorded columns as a table, after those of their raw rows if these are known.

    Args:
        task: the task, with the data module of the evaluation.
        split: `validation` or `test`.
        columns: the recorded columns.
        places: which examples they are of, unless the task has merged these.
    """
    data, found = task.data, pa.table({name: array_of(columns[name]) for name in columns})
    rows = data.select_samples(data.raw_dataset).get(split)
    numbers = data.rows_of_examples(split, rows) if isinstance(rows, Dataset) else None
    if numbers is None:
        return found
    examples = len(data.dataset[split])
    is_merged = type(task).merge_evaluated is not EvaluatedColumns.merge_evaluated
    # The evaluation may have been limited to the first examples.
    known = len(found) if is_merged or len(found) > examples else examples
    if len(numbers) != known:
        return found
    given_rows = numbers if is_merged else [numbers[place] for place in places]
    inputs = rows.with_format("arrow")[list(given_rows[: len(found)])]
    given = {
        f"input_{name}" if name in columns else name: stored(inputs.column(name))
        for name in inputs.column_names
        if name != LABEL or name != getattr(data, "label_column", None)
    }
    return pa.table({**given, **dict(zip(found.column_names, found.columns, strict=True))})


def array_of(values: list[Any]) -> pa.Array:
    """Return values as an array; as JSON if they have several types."""
    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.array([json.dumps(value, ensure_ascii=False, default=str) for value in values])


def stored(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column of images as their paths, and others as Parquet stores them."""
    if isinstance(column.type, pa.BaseExtensionType):
        column = column.cast(column.type.storage_type)
    if pa.types.is_struct(column.type) and {field.name for field in column.type} == {
        "bytes",
        "path",
    }:
        return pa.chunked_array([[image["path"] for image in column.to_pylist()]], pa.string())
    return column


def write_table(file: Path, table: pa.Table, about: Mapping[str, Any]) -> None:
    """Write a table atomically.

    Args:
        file: the Parquet file.
        table: the rows.
        about: facts that the metadata of the file have as JSON.
    """
    os.makedirs(file.parent, exist_ok=True)
    metadata = {**(table.schema.metadata or {}), ABOUT: json.dumps(about)}
    with write_atomically(file) as beside:
        pq.write_table(table.replace_schema_metadata(metadata), beside)
