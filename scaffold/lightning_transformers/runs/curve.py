"""One curve per run: a resumed run continues the records of its loggers, without gap or overlap."""

from __future__ import annotations

import csv
import inspect
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hydra.utils import get_class
from omegaconf import DictConfig, open_dict
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.loggers import CSVLogger, Logger, TensorBoardLogger

from lightning_transformers.base.atomic import write_atomically
from lightning_transformers.base.run_folder import METRICS
from lightning_transformers.base.types import Checkpoint
from lightning_transformers.training.lightning_internals import logging_step, unlogged_row

IDS = ("run_id", "id", "version")
"""Arguments of loggers that select an existing run: MLflow, W&B, TensorBoard and CSV."""


class RecentRows(Logger):
    """Keeps the rows that were logged at the last two steps, in memory."""

    name = None

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[tuple[int, dict[str, float]]] = []
        self.beside: Logger | None = None
        """The first logger of the trainer."""

    @property
    def version(self) -> int | str | None:
        """That of the first logger, so that the progress bar shows one."""
        return self.beside.version if self.beside else None

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Keep a row."""
        if step is not None:
            recent = [(at, row) for at, row in self.rows if at >= step - 1]
            self.rows = [*recent, (step, dict(metrics))]

    def log_hyperparams(self, *_: object, **__: object) -> None:
        """Keep no hyperparameters."""


class CurveState(Callback):
    """Keeps in each checkpoint the rows that were logged at the step of the checkpoint.

    Rows of that step are logged before and after the checkpoint, so its step alone does not tell
    which of them a resumed run repeats.
    """

    def __init__(self) -> None:
        self.recent = RecentRows()
        self.trainer: Trainer | None = None

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Add a logger that keeps the last rows to those of the trainer, if it has any."""
        self.trainer = trainer
        if trainer.loggers and self.recent not in trainer.loggers:
            self.recent.beside = trainer.loggers[0]
            trainer.loggers = [*trainer.loggers, self.recent]

    def state_dict(self) -> Checkpoint:
        """Return `first`, the first step that a resumed run logs, and `rows` from there on."""
        assert self.trainer is not None
        now = logging_step(self.trainer)
        rows = [[step, row] for step, row in self.recent.rows if step >= now - 1]
        if row := unlogged_row(self.trainer):
            rows.append([now, row])
        return {"first": now - 1, "rows": rows}


@dataclass(frozen=True)
class Curve:
    """The records of the interrupted part of a run.

    Attributes:
        first: records from this step on are dropped.
        rows: the rows from `first` on that the checkpoint includes, as step and values.
        ids: the id or version of the run of each logger, by its name in the config.
    """

    first: int
    rows: list[tuple[int, dict[str, float]]] = field(default_factory=list)
    ids: Mapping[str, str | int] = field(default_factory=dict)

    @classmethod
    def of(cls, checkpoint: Checkpoint, ids: Mapping[str, str | int]) -> Curve:
        """Return the curve of a checkpoint.

        Args:
            checkpoint: the content; one of an earlier version keeps no rows.
            ids: see `Curve`.
        """
        state = checkpoint.get("callbacks", {}).get(CurveState.__qualname__)
        if state is None:
            loop = checkpoint["loops"]["fit_loop"]["epoch_loop.state_dict"]
            return cls(loop["_batches_that_stepped"] + 1, [], ids)
        return cls(state["first"], [(step, row) for step, row in state["rows"]], ids)

    def continue_loggers(self, loggers: DictConfig) -> DictConfig:
        """Return the config of the loggers with the ids of their runs.

        Args:
            loggers: the config group `logger`; an id that it sets stays.
        """
        continued: DictConfig = loggers.copy()
        with open_dict(continued):
            for name, logger in continued.items():
                cls = get_class(logger["_target_"])
                known = inspect.signature(cls).parameters
                key = next((key for key in IDS if key in known), None)
                if key and name in self.ids and logger.get(key) is None:
                    logger[key] = self.ids[str(name)]
                if issubclass(cls, TensorBoardLogger):
                    logger["purge_step"] = self.first
        return continued

    def restore(self, loggers: Iterable[Logger], recent: RecentRows) -> None:
        """Drop the rows that the resumed run repeats, and log those of the checkpoint.

        A logger that cannot drop rows gets only values that it lacks, see `send_once`.

        Args:
            loggers: the loggers of the trainer.
            recent: that of `CurveState`.
        """
        for logger in (*loggers, recent):
            if isinstance(logger, CSVLogger):
                restore_table(logger, self.first)
            for step, row in self.rows:
                logger.log_metrics({**row}, step=step)
            logger.save()


def restore_table(logger: CSVLogger, first: int) -> None:
    """Keep the rows of a table before a step; Lightning would delete the table.

    Args:
        logger: the logger of the table, not used yet.
        first: the step.
    """
    file = Path(logger.log_dir, METRICS)
    if not file.is_file():
        return
    with file.open(newline="") as stream:
        table = csv.DictReader(stream)
        rows = [row for row in table if (row["step"] or "").isdigit() and int(row["step"]) < first]
        names = [*(table.fieldnames or [])]
    experiment: Any = logger.experiment  # removes the file
    experiment.metrics_keys = names
    with write_atomically(file) as beside, beside.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, names)
        writer.writeheader()
        writer.writerows(rows)
