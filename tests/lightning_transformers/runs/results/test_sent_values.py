"""A logger that cannot drop rows gets each value once."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from pytorch_lightning.loggers import CSVLogger, Logger

from lightning_transformers.runs.results.sent_values import send_once

NAN = float("nan")
ROWS = [(1, {"loss": 2.25, "epoch": 0}), (2, {"loss": 1.5}), (2, {"loss": 1.5}), (3, {"loss": NAN})]


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


def part(folder: Path, rows: list[Any]) -> list[Any]:
    """Return the rows that a logger gets in one part of a run."""
    logger = Sent()
    send_once({"mine": logger}, folder)
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


def test_a_line_that_a_full_disk_has_cut_is_no_value(tmp_path: Path) -> None:
    part(tmp_path, ROWS[:1])
    with (tmp_path / "sent-mine.jsonl").open("a") as stream:
        stream.write('[2, {"lo')
    assert part(tmp_path, ROWS[:2]) == ROWS[1:2]


def test_a_tensor_is_a_value(tmp_path: Path) -> None:
    rows = [(1, {"mine": torch.tensor(0.5)})]
    assert part(tmp_path, rows) == rows
    assert part(tmp_path, rows) == []


def test_loggers_that_drop_rows_have_no_record(tmp_path: Path) -> None:
    logger = CSVLogger(tmp_path / "logs")
    send_once({"csv": logger}, tmp_path)
    logger.log_metrics({"loss": 1.0}, 1)
    shutil.rmtree(tmp_path / "logs", ignore_errors=True)
    assert not list(tmp_path.iterdir())
