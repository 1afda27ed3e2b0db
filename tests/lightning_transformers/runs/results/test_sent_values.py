"""A logger that cannot drop rows gets each value once."""

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from omegaconf import OmegaConf
from pytorch_lightning.loggers import CSVLogger, Logger, WandbLogger

from lightning_transformers.runs.results import sent_values
from lightning_transformers.runs.results.sent_values import send_once

NAN = float("nan")
ROWS = [(1, {"loss": 2.25, "epoch": 0}), (2, {"loss": 1.5}), (2, {"loss": 1.5}), (3, {"loss": NAN})]
TABLE = object()


class Sent(Logger):
    """Keeps what it gets in `rows`."""

    name = "sent"
    version = "1"

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[Any] = []

    def log_metrics(self, metrics: Any, step: int | None = None) -> None:
        self.rows.append((step, metrics))

    def log_hyperparams(self, *_: Any, **__: Any) -> None: ...


def part(folder: Path, rows: list[Any], is_resumed: bool = True) -> list[Any]:
    """Return the rows that a logger gets in one part of a run."""
    logger = Sent()
    send_once(OmegaConf.create({"mine": {}}), [logger], folder, is_resumed)
    for step, row in rows:
        logger.log_metrics(row, step)
    return logger.rows


@pytest.mark.parametrize("kills", [[1], [3], [4], [2, 1], [3, 3], [2, 4]])
def test_a_resumed_run_sends_what_was_not_sent(kills: list[int], tmp_path: Path) -> None:
    """Each part repeats all rows, up to where it is killed."""
    sent = []
    for end in [*kills, None]:
        sent += part(tmp_path, ROWS[:end])
    assert repr(sent) == repr(ROWS)


def test_a_row_that_was_sent_in_part_is_completed(tmp_path: Path) -> None:
    part(tmp_path, [(1, {"epoch": 0})])
    assert part(tmp_path, ROWS[:2]) == [(1, {"loss": 2.25}), ROWS[1]]


def test_a_run_that_begins_sends_all(tmp_path: Path) -> None:
    for _ in range(2):
        assert part(tmp_path, ROWS[:2], is_resumed=False) == ROWS[:2]


def test_a_line_that_a_full_disk_has_cut_is_no_row(tmp_path: Path) -> None:
    part(tmp_path, ROWS[:1])
    with (tmp_path / "sent-mine.jsonl").open("a") as stream:
        stream.write('[2, {"lo')
    assert part(tmp_path, ROWS[:2]) == ROWS[1:2]
    assert part(tmp_path, ROWS[:3]) == ROWS[2:3]


def test_what_is_no_number_is_always_sent(tmp_path: Path) -> None:
    rows = [(1, {"table": TABLE, "loss": 1.0})]
    assert part(tmp_path, rows) == rows
    assert part(tmp_path, rows) == [(1, {"table": TABLE})]


@pytest.mark.parametrize("prefix", [None, "mine"])
def test_rows_that_wandb_lost_are_sent_again(
    prefix: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Wandb(Sent, WandbLogger):
        experiment = None

    errors = ModuleType("wandb.errors")
    vars(errors)["Error"] = OSError
    monkeypatch.setitem(sys.modules, "wandb", ModuleType("wandb"))
    monkeypatch.setitem(sys.modules, "wandb.errors", errors)
    start = f"{prefix}-" if prefix else ""
    arrived = [(1, {f"{start}loss": 2.25, f"{start}epoch": 0.0})]
    monkeypatch.setattr(sent_values, "wandb_rows", lambda run: iter(arrived))
    settings = OmegaConf.create({"mine": {"prefix": prefix}})
    part(tmp_path, [*ROWS[:2], (None, {"x": 1.0})])
    logger = Wandb.__new__(Wandb)
    logger.rows = []
    send_once(settings, [logger], tmp_path, is_resumed=True)
    for step, row in ROWS[:2]:
        logger.log_metrics(row, step)
    assert logger.rows == [ROWS[1]]


def test_loggers_that_drop_rows_have_no_record(tmp_path: Path) -> None:
    send_once(OmegaConf.create({"csv": {}}), [CSVLogger(tmp_path / "logs")], tmp_path, True)
    assert not list(tmp_path.glob("sent-*"))
