"""A run logs its course, and records and prints how it ended."""

import logging
import re
from pathlib import Path

import pytest
import torch
from pytorch_lightning import Callback, LightningModule, Trainer

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.base.run_folder import read_manifest, status_of
from lightning_transformers.config.compose import compose
from lightning_transformers.config.error_messages import user_error
from lightning_transformers.runs.train import train_from_config
from lightning_transformers.task.nlp.text_classification import TextClassificationDataModule

HERE = "tests.lightning_transformers.runs.test_outcome"
COURSE = (
    r"start: .* \(process \d+ on .*\)",
    r"versions: python 3\.\d+\.\d+, ltscaffold .*, torch ",
    r"train set: 60 rows; \d+ to 40 tokens, median \d+; classes gospel \d+, history \d+, ",
    r"parameters: [\d,]{6,}, [\d,]{6,} trainable; training starts at step 0 of 3",
    r"estimate: about [\d.]+ s without validation, .* MiB of memory on cpu",
    r"step 2 of 3, epoch 1: train/loss [\d.]+, lr [\d.e-]+; .* left",
    r"validation at step 3: .*val/loss [\d.]+",
    r"saved .*best\.ckpt at step 3",
    r"Finished: trainer\.max_steps=3 reached",
    r"Best: val/accuracy [\d.]+ at step 3, checkpoints/best\.ckpt",
    r"Last validation: val/accuracy ",
    r"Run folder: ",
)
"""Patterns of lines in the log, in their order."""


def train(folder: Path, *overrides: str) -> dict[str, float]:
    short = (
        "task=nlp/text_classification",
        "experiment=smoke",
        "dataset.max_length=40",
        "dataset.limit_train_samples=60",
        "dataset.limit_val_samples=16",
        "dataset.batch_size=4",
        "trainer.log_every_n_steps=2",
        "training.validate_before_fit=false",
        "~callbacks.loss_curve",
    )
    return train_from_config(compose([*short, f"training.run_dir={folder}", *overrides]))


def test_a_fit_before_the_first_validation(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """It validates at its end, so that it has a best checkpoint, and logs its course."""
    caplog.set_level(logging.INFO)
    metrics = train(tmp_path, "trainer.max_steps=3", "callbacks.checkpoint.monitor=val/accuracy")
    lines = [record.getMessage() for record in caplog.records]
    for pattern in COURSE:
        while lines and not re.match(pattern, lines[0]):
            lines.pop(0)
        assert lines, f"no line matches '{pattern}' in its order"
    printed = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in printed[-4:]] == [
        *("Finished", "Best", "Last validation", "Run folder")
    ]
    manifest = read_manifest(tmp_path / "manifest.yaml")
    assert (manifest["status"], manifest["reason"]) == ("finished", "trainer.max_steps=3 reached")
    assert manifest["best"] == {
        "monitor": "val/accuracy",
        "mode": "max",
        "score": metrics["val/accuracy"],
        "step": 3,
        "checkpoint": "checkpoints/best.ckpt",
    }
    best = torch.load(tmp_path / "checkpoints/best.ckpt", weights_only=True)
    assert best["global_step"] == 3
    assert {path.name for path in tmp_path.iterdir()} == {
        *("checkpoints", "config.yaml", "manifest.yaml", "metrics.csv"),
        *("predictions.parquet", "report.html", "report_pictures"),
    }


class Fails(Callback):
    """Raises in the second step."""

    def on_after_backward(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.global_step:
            raise RuntimeError("two\nlines")


def test_a_failure_is_recorded_with_its_traceback(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command prints the error itself, so that its last lines do not repeat it."""
    with pytest.raises(RuntimeError, match="two"):
        train(tmp_path, f"+callbacks.fails._target_={HERE}.Fails")
    manifest = read_manifest(tmp_path / "manifest.yaml")
    assert (manifest["status"], manifest["reason"]) == ("failed", "RuntimeError: two lines")
    assert "metrics" not in manifest
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert record.getMessage() == "RuntimeError: two lines"
    assert "on_after_backward" in logging.Formatter().format(record)
    printed = capsys.readouterr().out
    assert "Run folder: " in printed
    assert "two lines" not in printed
    assert status_of(tmp_path) == "failed"
    assert "RuntimeError: two lines" in (tmp_path / "report.html").read_text()


def test_early_stopping_is_named(tmp_path: Path) -> None:
    stopping = ("callbacks=[default,early_stopping]", "callbacks.early_stopping.patience=1")
    train(
        tmp_path,
        *stopping,
        "optimizer.lr=1e-30",
        "trainer.max_epochs=5",
        "trainer.limit_train_batches=2",
    )
    manifest = read_manifest(tmp_path / "manifest.yaml")
    assert manifest["status"] == "stopped early"
    assert "val/loss did not improve in the last 1 records" in manifest["reason"]
    assert manifest["metrics"]


def test_an_unknown_metric_of_early_stopping_is_a_user_error(tmp_path: Path) -> None:
    stopping = ("callbacks=[default,early_stopping]", "callbacks.early_stopping.monitor=val/los")
    words = (*stopping, "callbacks.early_stopping.mode=min", "trainer.limit_train_batches=2")
    with pytest.raises(RuntimeError) as raised:
        train(tmp_path, *words, "trainer.num_sanity_val_steps=0")
    assert isinstance(user_error(raised.value), ConfigurationError)
    assert read_manifest(tmp_path / "manifest.yaml")["reason"].count("`val/loss`") == 1


def test_a_failure_before_the_data_exist_has_a_manifest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("no rows today")

    monkeypatch.setattr(TextClassificationDataModule, "prepare_data", fails)
    with pytest.raises(RuntimeError, match="no rows today"):
        train(tmp_path)
    manifest = read_manifest(tmp_path / "manifest.yaml")
    assert (manifest["status"], manifest["reason"]) == ("failed", "RuntimeError: no rows today")
    assert manifest["versions"]["torch"] == torch.__version__
    assert (tmp_path / "config.yaml").is_file()
