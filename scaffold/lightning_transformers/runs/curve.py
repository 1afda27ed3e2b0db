"""One curve per run: a resumed run continues the records of its loggers, without gap or overlap."""

from __future__ import annotations

import csv
import inspect
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hydra.utils import get_class
from omegaconf import DictConfig, open_dict
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.loggers import CSVLogger, Logger, TensorBoardLogger

from lightning_transformers.base.atomic import write_atomically
from lightning_transformers.base.run_folder import LOGGED, METRICS
from lightning_transformers.base.types import Checkpoint
from lightning_transformers.training.lightning_internals import logging_step, unlogged_row

IDS = ("run_id", "id", "version")
"""Arguments of loggers that select an existing run: MLflow, W&B, TensorBoard and CSV."""


class Journal:
    """Values that were logged, in a file, for loggers whose rows cannot be dropped.

    After a kill, a resumed run repeats rows of the interrupted part: these loggers get only values
    that they lack.

    Args:
        file: the journal.
        first: the first step that a resumed run logs; None for another run.
    """

    def __init__(self, file: Path, first: int | None) -> None:
        self.file = file
        self.sent: Counter[tuple[int, str, str]] = Counter()
        """Values that a resumed run repeats, each as step, name and text."""
        if first is None:
            file.unlink(missing_ok=True)
        for line in file.read_text().splitlines() if file.is_file() else ():
            with suppress(json.JSONDecodeError):  # the last line of a killed run
                step, row = json.loads(line)
                if first is not None and step >= first:
                    self.sent.update((step, name, repr(value)) for name, value in row.items())

    def new(self, metrics: Mapping[str, float], step: int | None, sent: Any) -> dict[str, float]:
        """Return the values that are not yet logged.

        Args:
            metrics: the row.
            step: its step.
            sent: a copy of `self.sent`, from which the others are removed.
        """
        left = {}
        for name, value in metrics.items():
            is_number = isinstance(value, int | float)  # a logger of the user may get pictures
            key = (step, name, repr(float(value)) if is_number else "")
            if sent[key]:
                sent[key] -= 1
            else:
                left[name] = value
        return left

    def guard(self, logger: Logger) -> None:
        """Let a logger log only values that it lacks."""
        log_metrics, sent = logger.log_metrics, self.sent.copy()

        def log_new(metrics: Mapping[str, float], step: int | None = None) -> None:
            if left := self.new(metrics, step, sent):
                log_metrics(left, step)

        vars(logger)["log_metrics"] = log_new

    def add(self, metrics: Mapping[str, float], step: int) -> None:
        """Add the values of a row that are not yet logged."""
        if left := self.new(metrics, step, self.sent):
            with self.file.open("a") as file:
                values = {name: float(value) for name, value in left.items()}
                file.write(json.dumps([step, values]) + "\n")


class RecentRows(Logger):
    """Keeps the rows that were logged at the last two steps, in memory."""

    name = None

    def __init__(self) -> None:
        super().__init__()
        self.journal: Journal | None = None
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
            if self.journal:
                self.journal.add(metrics, step)

    def log_hyperparams(self, *_: object, **__: object) -> None:
        """Keep no hyperparameters."""


class CurveState(Callback):
    """Keeps in each checkpoint the rows that were logged at the step of the checkpoint.

    Rows of that step are logged before and after the checkpoint, so its step alone does not tell
    which of them a resumed run repeats.

    Args:
        folder: the run folder.
        first: the first step that a resumed run logs; None for another run.
    """

    def __init__(self, folder: Path, first: int | None = None) -> None:
        self.recent = RecentRows()
        self.folder, self.first = folder, first
        self.trainer: Trainer | None = None

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Add a logger that keeps the last rows to those of the trainer, if it has any."""
        self.trainer = trainer
        if trainer.loggers and self.recent not in trainer.loggers:
            self.recent.beside = trainer.loggers[0]
            trainer.loggers = [*trainer.loggers, self.recent]

    def keep_journal(self, loggers: Iterable[Logger]) -> None:
        """Begin or continue the journal, if one of the loggers cannot drop rows."""
        kept = [each for each in loggers if not isinstance(each, CSVLogger | TensorBoardLogger)]
        if kept:
            self.recent.journal = journal = Journal(self.folder / LOGGED, self.first)
            for logger in kept:
                journal.guard(logger)

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

        Loggers that cannot drop rows have a `Journal`.

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
