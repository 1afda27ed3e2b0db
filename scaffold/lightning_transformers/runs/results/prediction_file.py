"""Predict on a file of any size, row by row, into a csv, jsonl or parquet file."""

from __future__ import annotations

import csv
import hashlib
import json
import logging
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from datasets import Dataset
from pytorch_lightning import LightningModule, Trainer
from torch.utils.data import DataLoader

from lightning_transformers.base.atomic import write_atomically
from lightning_transformers.base.run_folder import PROBABILITY
from lightning_transformers.base.types import Row
from lightning_transformers.core import TaskTransformer, TransformerDataModule
from lightning_transformers.core.prediction import predict_inputs
from lightning_transformers.training.lightning_internals import ProgressBar

BATCHES = 8
"""Batches of a part: what a killed prediction loses."""
ANSWERS = ("label", "labels", "choice", "answer", "text")
"""Keys of a prediction that become the column `prediction`."""
IDLE = -1
"""The part of a rank that has no more of them."""

log = logging.getLogger(__name__)


class PartPredictor(LightningModule):
    """Predicts on parts of the rows, and writes each to a file of its own.

    Rank 0 decides the folder and the parts that are missing.

    Args:
        task: the task.
        data: its data module.
        rows: the rows.
        faults: the reason of each row that could not be read, by its index.
        folder: for the parts; those that it contains are complete.
    """

    def __init__(
        self,
        task: TaskTransformer,
        data: TransformerDataModule,
        rows: Dataset,
        faults: Mapping[int, str],
        folder: Path,
    ) -> None:
        super().__init__()
        self.task, self.data, self.rows, self.faults, self.folder = task, data, rows, faults, folder
        self.size = BATCHES * data.batch_size
        starts = range(0, len(rows), self.size)
        self.missing = [start for start in starts if not self.file(start).exists()]

    def file(self, start: int) -> Path:
        """Return the file of the part that starts with a row."""
        return self.folder / f"{start:012}.jsonl"

    def files(self) -> list[Path]:
        """Return the files of all parts, in order."""
        return [self.file(start) for start in range(0, len(self.rows), self.size)]

    def setup(self, stage: str) -> None:
        """Take over the decisions of rank 0: caches, and so keys of rows, may differ by rank."""
        decided = self.trainer.strategy.broadcast((self.folder, self.missing))
        self.folder, self.missing = decided
        self.folder.mkdir(parents=True, exist_ok=True)

    def starts(self) -> list[int]:
        """Return the starts of the rank's parts, equally many on each rank."""
        ranks, rank = self.trainer.world_size, self.trainer.global_rank
        padded = [*self.missing, *[IDLE] * (-len(self.missing) % ranks)]
        return padded[rank::ranks]

    def rows_in(self, start: int) -> int:
        """Return the number of rows of the part that starts with a row."""
        return 0 if start == IDLE else min(self.size, len(self.rows) - start)

    def predict_dataloader(self) -> DataLoader[int]:
        """Return the starts of the rank's parts as batches."""
        return DataLoader(self.starts(), batch_size=None)  # type: ignore[arg-type]

    def predict_step(self, batch: int, batch_idx: int) -> int:
        """Predict on the part that starts with row `batch`, write it, and return its start."""
        if batch == IDLE:
            return batch
        rows = list(self.rows.select(range(batch, batch + self.rows_in(batch))))
        found = predict_inputs(self.task, rows, self.data, self.data.batch_size, needs_one=False)
        with (
            write_atomically(self.file(batch)) as beside,
            beside.open("w", encoding="utf-8") as out,
        ):
            for number, (row, prediction) in enumerate(zip(rows, found, strict=True), batch):
                fault = self.faults.get(number)
                columns = output_row(row, {"error": fault} if fault else prediction)
                out.write(json.dumps(columns, ensure_ascii=False, default=str) + "\n")
        return batch

    def on_predict_end(self) -> None:
        """Wait for the other ranks."""
        self.trainer.strategy.barrier()


class RowBar(ProgressBar):
    """A progress bar that counts the rows of a rank, not its parts."""

    @property
    def total_predict_batches_current_dataloader(self) -> int:
        """The rows that the rank predicts on."""
        task: Any = self.trainer.lightning_module
        return sum(map(task.rows_in, task.starts()))

    def on_predict_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Count the rows of the part that is done."""
        task: Any = pl_module
        done = min((batch_idx + 1) * task.size, self.total_predict_batches_current_dataloader)
        super().on_predict_batch_end(trainer, task, outputs, batch, done - 1, dataloader_idx)


def predict_to_file(predictor: PartPredictor, trainer: Trainer, file: Path) -> None:
    """Write the predictions on all rows to a file, once all parts are predicted.

    Args:
        predictor: predicts what is missing.
        trainer: a trainer with any number of devices.
        file: a csv, jsonl or parquet file; it is written by rank 0, at the end.
    """
    done = len(predictor.files()) - len(predictor.missing)
    if done:
        total = len(predictor.files())
        log.info("continuing %s: %d of %d parts are done", file.name, done, total)
    predictor.task.all_probabilities = True
    trainer.predict(predictor, return_predictions=False)
    if trainer.is_global_zero:
        with write_atomically(file) as beside:
            WRITERS[file.suffix](predictor.files(), beside)
        shutil.rmtree(predictor.folder)


def parts_folder(file: Path, *identity: object) -> Path:
    """Return the folder for the parts of a file, which the same prediction finds again.

    Args:
        file: the output file.
        identity: what the predictions depend on.
    """
    key = hashlib.sha256(repr(identity).encode()).hexdigest()[:12]
    return file.with_name(f".{file.name}.{key}.parts")


def output_row(row: Row, prediction: Any) -> Row:
    """Return the columns of a row in the output.

    Args:
        row: its columns in the input; one with the name of another column is `input_<name>`.
        prediction: a prediction of any task.

    Returns:
        The columns of the input, `prediction`, those that the task adds, `probability_<class>`,
        and `error`, the reason of a row without prediction.
    """
    own: Row = {"prediction": None}
    if isinstance(prediction, Mapping):
        rest = dict(prediction)
        probabilities = rest.pop("probabilities", {})
        own |= {"prediction" if name in ANSWERS else name: rest[name] for name in rest}
        own |= {PROBABILITY + name: value for name, value in probabilities.items()}
    else:
        own["prediction"] = prediction
    own["error"] = own.get("error")
    return {
        **{f"input_{name}" if name in own else name: plain(value) for name, value in row.items()},
        **own,
    }


def plain(value: Any) -> Any:
    """Return an image as its path, and any other value unchanged."""
    is_image = isinstance(value, Mapping) and value.keys() == {"bytes", "path"}
    return value["path"] if is_image else value


def rows_of(parts: Iterable[Path]) -> Iterator[Row]:
    """Yield the rows of parts, in order."""
    for part in parts:
        with part.open(encoding="utf-8") as lines:
            yield from map(json.loads, lines)


def write_jsonl(parts: Iterable[Path], file: Path) -> None:
    """Concatenate parts."""
    with file.open("wb") as out:
        for part in parts:
            with part.open("rb") as lines:
                shutil.copyfileobj(lines, out)


def write_csv(parts: list[Path], file: Path) -> None:
    """Write the rows of parts as csv; lists and mappings are JSON."""
    names = dict.fromkeys(name for row in rows_of(parts) for name in row)
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, names)
        writer.writeheader()
        for row in rows_of(parts):
            writer.writerow(
                {
                    name: json.dumps(value, ensure_ascii=False)
                    if isinstance(value, list | dict)
                    else value
                    for name, value in row.items()
                }
            )


def write_parquet(parts: list[Path], file: Path) -> None:
    """Write the rows of parts as Parquet, a row group per part."""
    tables = (pa.Table.from_pylist([*rows_of([part])]) for part in parts)
    schema = pa.unify_schemas([table.schema for table in tables], promote_options="permissive")
    with pq.ParquetWriter(file, schema) as writer:
        for part in parts:
            writer.write_table(pa.Table.from_pylist([*rows_of([part])], schema=schema))


WRITERS = {".csv": write_csv, ".jsonl": write_jsonl, ".parquet": write_parquet}
"""Writers of parts to a file, by its ending."""
