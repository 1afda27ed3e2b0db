"""Values that were sent to a logger which cannot drop rows, such as those of MLflow and W&B.

A resumed run repeats the rows since its checkpoint. Such a logger gets only the values it lacks.
"""

import json
import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeAlias

from pytorch_lightning.loggers import CSVLogger, Logger, TensorBoardLogger, WandbLogger

from lightning_transformers.base.errors import first_line
from lightning_transformers.base.run_folder import SENT
from lightning_transformers.runs.results.wandb_rows import wandb_rows

Row: TypeAlias = tuple[int | None, Mapping[str, Any]]
"""Step and metrics."""
log = logging.getLogger(__name__)


class Values(Counter[tuple[int | None, str, str]]):
    """How often a logger has a value, by step, name and text."""

    def without(self, row: Row) -> dict[str, Any]:
        """Return the metrics of a row that the logger lacks, and count those it has as used."""
        lacking = {}
        for point, (name, value) in zip(points([row]), row[1].items(), strict=True):
            if self[point]:
                self[point] -= 1
            else:
                lacking[name] = value
        return lacking


def send_once(loggers: Mapping[str, Logger], folder: Path) -> None:
    """Record what is sent to each logger that cannot drop rows, and send no value again.

    The record of a logger is `sent-<name>.jsonl` in the run folder, with a line per row. Rows that
    W&B had not written yet when the former part was killed are sent from it.

    Args:
        loggers: the loggers of the run, by their name in the config.
        folder: the run folder; a record in it is that of the run which is resumed.
    """
    for name, logger in loggers.items():
        if not isinstance(logger, CSVLogger | TensorBoardLogger):
            _send_once(logger, folder / f"{SENT}{name}.jsonl")


def _send_once(logger: Logger, file: Path) -> None:
    log_metrics, rows = logger.log_metrics, list(_read(file))
    arrived = Values(points(_arrived(logger, rows) if rows else ()))
    for step, metrics in rows:
        if lacking := arrived.without((step, metrics)):
            log_metrics(lacking, step)
    sent = Values(points(rows))

    def log_others(metrics: Mapping[str, Any], step: int | None = None) -> None:
        if others := sent.without((step, metrics)):
            log_metrics(others, step)
            plain = {name: as_plain(value) for name, value in others.items()}
            with file.open("a") as stream:
                stream.write(f"{json.dumps([step, plain])}\n")

    vars(logger)["log_metrics"] = log_others


def _arrived(logger: Logger, sent: list[Row]) -> Iterable[Row]:
    """Return the rows that a logger has; all that were sent, where none can have been lost."""
    if not isinstance(logger, WandbLogger):
        return sent
    from wandb.errors import Error

    try:
        return list(wandb_rows(logger.experiment))
    except Error as error:
        log.warning("W&B does not answer, the last rows may be missing: %s", first_line(error))
        return sent


def _read(file: Path) -> Iterator[Row]:
    """Yield the rows of a record, up to a line that a full disk has cut."""
    with suppress(json.JSONDecodeError, FileNotFoundError):
        for line in file.read_text().splitlines():
            step, metrics = json.loads(line)
            yield step, metrics


def points(rows: Iterable[Row]) -> Iterator[tuple[int | None, str, str]]:
    """Yield each value of some rows as text, with step and name."""
    for step, metrics in rows:
        for name, value in metrics.items():
            yield step, name, str(as_plain(value))


def as_plain(value: Any) -> float | str:
    """Return a value as JSON can hold it; a text for what a task sends to its logger itself."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return str(value)
