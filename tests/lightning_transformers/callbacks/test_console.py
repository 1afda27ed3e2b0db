"""Console output of training."""

import re
import sys
from pathlib import Path
from typing import Any

import pytest
from pytorch_lightning import Callback, Trainer
from pytorch_lightning.callbacks import ModelSummary, RichProgressBar
from pytorch_lightning.demos.boring_classes import BoringModel

from lightning_transformers.callbacks import ParameterTable, ProgressBar
from lightning_transformers.config.compose import compose
from lightning_transformers.runs.build import build_trainer


def quiet(folder: Path, *callbacks: Callback) -> Trainer:
    """Return a trainer for two epochs of one batch."""
    return Trainer(
        accelerator="cpu",
        max_epochs=2,
        limit_train_batches=1,
        limit_val_batches=0,
        logger=False,
        enable_checkpointing=False,
        enable_model_summary=False,
        default_root_dir=folder,
        callbacks=[*callbacks],
    )


def test_the_bar_counts_from_one_and_the_table_has_no_flops(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    trainer = quiet(tmp_path, ProgressBar(), ParameterTable())
    trainer.fit(BoringModel())
    shown = re.sub(r"\x1b\[[\d;]*m", "", capsys.readouterr().out)
    assert "Epoch 2/2" in shown
    assert "Epoch 0" not in shown
    assert "FLOPs" not in shown
    assert "Total params: 66" in shown


def test_the_bar_stops_for_a_debugger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The debugger starts in the frame of `breakpoint()`, and the bar restarts after it."""
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    seen: list[tuple[str, bool]] = []
    bar = ProgressBar()

    def debugger() -> None:
        assert bar.progress is not None
        seen.append((sys._getframe(1).f_code.co_name, bar.progress.live.is_started))

    monkeypatch.setattr(sys, "breakpointhook", debugger)

    class Debugged(BoringModel):
        def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
            breakpoint()

        def on_train_epoch_end(self) -> None:
            assert bar.progress is not None
            seen.append(("end", bar.progress.live.is_started))

    quiet(tmp_path, bar).fit(Debugged())
    assert seen == [("on_train_batch_start", False), ("end", True)] * 2
    assert sys.breakpointhook is debugger


def test_the_bar_is_updated_as_often_as_it_is_drawn_and_after_the_last_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    seen: list[int] = []
    monkeypatch.setattr(RichProgressBar, "on_train_batch_end", lambda *a: seen.append(a[-1]))
    trainer = quiet(tmp_path, ProgressBar(refresh_rate=1))
    trainer.limit_train_batches, trainer.fit_loop.max_epochs = 30, 1
    trainer.fit(BoringModel())
    assert seen[0] == 0
    assert seen[-1] == 29
    assert len(seen) < 30


class Logging(BoringModel):
    """Shows the number of each step."""

    def training_step(self, batch: Any, batch_idx: int) -> Any:
        """Log the number."""
        self.log("step", float(batch_idx), prog_bar=True)
        return super().training_step(batch, batch_idx)


def test_the_bar_shows_the_last_step_within_an_epoch(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("COLUMNS", "200")
    trainer = quiet(tmp_path, ProgressBar(refresh_rate=1))
    trainer.limit_train_batches, trainer.fit_loop.epoch_loop.max_steps = 30, 20
    trainer.fit(Logging())
    last = capsys.readouterr().out.rpartition("Epoch")[2]
    assert "20/30" in last
    assert "19.000" in last


def test_without_a_terminal_there_is_no_bar(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    quiet(tmp_path, ProgressBar()).fit(BoringModel())
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("typed", "tables"), [((), 1), (("+trainer.enable_model_summary=false",), 0)]
)
def test_a_trainer_has_one_table_unless_it_is_switched_off(
    typed: tuple[str, ...], tables: int, tmp_path: Path
) -> None:
    words = ["task=nlp/language_modeling", "callbacks=none", "logger=none", *typed]
    trainer = build_trainer(compose([*words, f"training.run_dir={tmp_path}"]))
    found = [type(c) for c in vars(trainer)["callbacks"] if isinstance(c, ModelSummary)]
    assert found == [ParameterTable] * tables
