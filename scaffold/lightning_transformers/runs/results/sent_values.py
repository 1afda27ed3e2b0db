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

from omegaconf import DictConfig
from pytorch_lightning.loggers import (
    CSVLogger,
    Logger,
    MLFlowLogger,
    TensorBoardLogger,
    WandbLogger,
)

from lightning_transformers.base.atomic import write_atomically
from lightning_transformers.base.errors import first_line
from lightning_transformers.base.run_folder import SENT
from lightning_transformers.runs.results.wandb_rows import wandb_rows

Row: TypeAlias = tuple[int | None, Mapping[str, float]]
"""Step and metrics."""
log = logging.getLogger(__name__)


class Values(Counter[tuple[int | None, str, str]]):
    """How often a logger has a value, by step, name and text: NaN is not equal to itself."""

    @classmethod
    def of(cls, rows: Iterable[Row]) -> "Values":
        """Return the values of some rows."""
        return cls((step, name, str(row[name])) for step, row in rows for name in row)

    def without(self, step: int | None, metrics: Mapping[str, float]) -> dict[str, float]:
        """Return the metrics that the logger lacks at a step; those it has count as used."""
        lacking = {}
        for name, value in metrics.items():
            if self[step, name, str(value)]:
                self[step, name, str(value)] -= 1
            else:
                lacking[name] = value
        return lacking


def send_once(
    config: DictConfig, loggers: Iterable[Logger], folder: Path, is_resumed: bool
) -> None:
    """Record what is sent to each logger that cannot drop rows, and send no number again.

    The record of a logger is `sent-<name>.jsonl` in the run folder, with a line per row. Rows that
    W&B had not written yet when the former part was killed are sent from it.

    Args:
        config: the settings of the loggers, by name.
        loggers: the loggers.
        folder: the run folder.
        is_resumed: whether loggers have rows of a former part of the run.
    """
    for (name, settings), logger in zip(config.items(), loggers, strict=False):
        if not isinstance(logger, CSVLogger | TensorBoardLogger):
            file = folder / f"{SENT}{name!s}.jsonl"
            rows = list(_read(file)) if is_resumed else []
            arrived = _arrived(logger, rows, settings.get("prefix")) if is_resumed else rows
            sent = _send_lacking(logger, rows, Values.of(arrived))
            with write_atomically(file) as beside:  # without a line that was cut
                beside.write_text("".join(map(_line, rows)))
            _send_others(logger, file, sent)


def _send_lacking(logger: Logger, rows: Iterable[Row], arrived: Values) -> Values:
    """Send the values of some rows that have not arrived, and return all that the logger has."""
    left = Values(arrived)
    for step, metrics in rows:
        # Rows without a step cannot be told apart.
        if step is not None and (lacking := left.without(step, metrics)):
            logger.log_metrics(lacking, step)
    return Values(arrived | Values.of(rows))


def _send_others(logger: Logger, file: Path, sent: Values) -> None:
    """Let a logger skip the values it has, and record others."""
    log_metrics = logger.log_metrics

    def log_others(metrics: Mapping[str, Any], step: int | None = None) -> None:
        found = numbers(metrics)
        lacking = sent.without(step, found)
        others = {key: metrics[key] for key in metrics if key in lacking or key not in found}
        if others:
            log_metrics(others, step)
        if lacking:
            with file.open("a") as stream:
                stream.write(_line((step, lacking)))

    vars(logger)["log_metrics"] = log_others


def _arrived(logger: Logger, sent: list[Row], prefix: str | None) -> Iterable[Row]:
    """Return the rows that a logger has, with the names of metrics that the runtime gave them."""
    if isinstance(logger, WandbLogger):
        from wandb.errors import Error

        try:
            rows = list(wandb_rows(logger.experiment))
        except Error as error:
            log.warning("W&B does not answer, its last rows may be lacking: %s", first_line(error))
            return sent
    elif isinstance(logger, MLFlowLogger):
        rows = list(mlflow_rows(logger))
    else:
        return sent
    start = f"{prefix}{logger.LOGGER_JOIN_CHAR}" if prefix else ""
    return [(step, {name.removeprefix(start): row[name] for name in row}) for step, row in rows]


def mlflow_rows(logger: MLFlowLogger) -> Iterator[tuple[int, dict[str, float]]]:
    """Yield step and metric of each point in the store."""
    client, run = logger.experiment, str(logger.run_id)
    for name in client.get_run(run).data.metrics:
        for point in client.get_metric_history(run, name):
            yield point.step, {name: float(point.value)}


def numbers(metrics: Mapping[str, Any]) -> dict[str, float]:
    """Return the numbers among some metrics: a task may send its logger tables or pictures."""
    found = {}
    for name, value in metrics.items():
        with suppress(TypeError, ValueError):
            found[name] = float(value)
    return found


def _read(file: Path) -> Iterator[Row]:
    """Yield the rows of a record, up to a line that a full disk has cut."""
    with suppress(json.JSONDecodeError, FileNotFoundError):
        for line in file.read_text().splitlines():
            step, metrics = json.loads(line)
            yield step, metrics


def _line(row: Row) -> str:
    return f"{json.dumps(row)}\n"
