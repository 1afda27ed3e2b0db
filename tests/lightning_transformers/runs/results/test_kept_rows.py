"""MLflow gets only the rows it lacks; for real, without a network."""

from pathlib import Path
from typing import Any

import pytest
from pytorch_lightning.loggers import CSVLogger, MLFlowLogger

from lightning_transformers.runs.results.kept_rows import kept_values, skip

ROWS = [(0, {"train/loss": 3.5, "epoch": 0}), (1, {"train/loss": 2.25}), (2, {"train/loss": 1.5})]


def logger_of(folder: Path, run: str | None = None) -> Any:
    return MLFlowLogger(tracking_uri=f"sqlite:///{folder}/store.db", run_id=run)


def test_a_resumed_logger_skips_what_it_has(tmp_path: Path) -> None:
    pytest.importorskip("mlflow")
    first = logger_of(tmp_path)
    for step, row in ROWS[:2]:
        first.log_metrics(row, step)
    second = logger_of(tmp_path, first.run_id)
    kept = kept_values(second, first=1)
    assert dict(kept) == {(1, "train/loss", 2.25): 1}
    skip(second, kept)
    for step, row in [*ROWS[1:], (2, {"train/loss": 1.5})]:
        second.log_metrics(row, step)
    found = kept_values(logger_of(tmp_path, first.run_id), first=0)
    assert found == {
        **{(0, "train/loss", 3.5): 1, (0, "epoch", 0): 1, (1, "train/loss", 2.25): 1},
        (2, "train/loss", 1.5): 2,
    }


def test_another_logger_has_none(tmp_path: Path) -> None:
    assert not kept_values(CSVLogger(tmp_path), first=0)
