"""W&B and MLflow get only the rows they lack; for real, without a network."""

from pathlib import Path
from typing import Any

import pytest
from pytorch_lightning.loggers import CSVLogger, MLFlowLogger, WandbLogger

from lightning_transformers.runs.results.kept_rows import kept_values, log_records, skip

ROWS = [(0, {"train/loss": 3.5, "epoch": 0}), (1, {"train/loss": 2.25}), (2, {"train/loss": 1.5})]


def logger_of(name: str, folder: Path, run: str | None = None) -> Any:
    if name == "wandb":
        return WandbLogger(save_dir=folder, id=run, offline=True, project="p")
    return MLFlowLogger(tracking_uri=f"sqlite:///{folder}/store.db", run_id=run)


@pytest.mark.parametrize("name", ["wandb", "mlflow"])
def test_a_resumed_logger_skips_what_it_has(name: str, tmp_path: Path) -> None:
    module: Any = pytest.importorskip(name)
    first = logger_of(name, tmp_path)
    for step, row in ROWS[:2]:
        first.log_metrics(row, step)
    run = first.version if name == "wandb" else first.run_id
    if name == "wandb":
        module.finish()  # a killed process loses the rows of its last seconds
    second = logger_of(name, tmp_path, run)
    kept = kept_values(second, first=1)
    assert dict(kept) == {(1, "train/loss", 2.25): 1}
    skip(second, kept)
    for step, row in [*ROWS[1:], (2, {"train/loss": 1.5})]:
        second.log_metrics(row, step)
    if name == "wandb":
        module.finish()
        return
    found = kept_values(logger_of(name, tmp_path, run), first=0)
    assert found == {
        **{(0, "train/loss", 3.5): 1, (0, "epoch", 0): 1, (1, "train/loss", 2.25): 1},
        (2, "train/loss", 1.5): 2,
    }


def test_another_logger_has_none(tmp_path: Path) -> None:
    assert not kept_values(CSVLogger(tmp_path), first=0)


def test_an_incomplete_file_has_its_complete_records() -> None:
    whole = b":W&Bxxx" + b"".join(
        bytes(4) + len(part).to_bytes(2, "little") + bytes([kind]) + part
        for kind, part in [(1, b"one"), (2, b"tw"), (4, b"o"), (1, b"three")]
    )
    assert [*log_records(whole)] == [b"one", b"two", b"three"]
    assert [*log_records(whole[:-1])] == [b"one", b"two"]
