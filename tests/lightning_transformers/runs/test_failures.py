"""A fit that fails says in one line what to do, and resumes with it."""

from pathlib import Path
from typing import Any

import pytest
import torch
from pytorch_lightning import Callback, LightningModule, Trainer

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.base.run_folder import read_manifest
from lightning_transformers.config.compose import compose
from lightning_transformers.core import TaskTransformer
from lightning_transformers.runs.evaluate import evaluate_from_config
from lightning_transformers.runs.failures import RunError, known_failure
from lightning_transformers.runs.predict import predict_from_config
from lightning_transformers.runs.train import train_from_config

HERE = "tests.lightning_transformers.runs.test_failures"
CPU = torch.device("cpu")
SEEN: list[tuple[int, ...]] = []
"""The tokens of each row trained on."""


class Records(Callback):
    """Records the rows of each batch, before the batch fails."""

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        rows = zip(batch["input_ids"].tolist(), batch["attention_mask"].sum(1), strict=True)
        SEEN.extend(tuple(row[:length]) for row, length in rows)


class LacksMemory(Callback):
    """Raises the error of a full GPU in a step for batches of more than two rows."""

    def on_after_backward(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.global_step == 3 and trainer.datamodule.batch_size > 2:  # type: ignore[attr-defined]
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")


class Destroys(Callback):
    """Makes a weight infinite before a batch."""

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        if trainer.global_step == 3:
            with torch.no_grad():
                next(pl_module.parameters()).fill_(float("inf"))


def train(folder: Path, *overrides: str) -> list[tuple[int, ...]]:
    """Train for an epoch of ten steps, and return the rows in their order."""
    SEEN.clear()
    short = (
        "task=nlp/text_classification",
        "experiment=smoke",
        "dataset.max_length=40",
        "dataset.limit_train_samples=40",
        "dataset.limit_val_samples=8",
        "training.batch_size=4",
        "training.validate_before_fit=false",
        "trainer.limit_train_batches=null",
        "trainer.max_epochs=1",
        "trainer.log_every_n_steps=1",
        "callbacks.autosave.minutes=1e-9",
        "~callbacks.loss_curve",
        f"+callbacks.records._target_={HERE}.Records",
    )
    train_from_config(compose([*short, f"training.run_dir={folder}", *overrides]))
    return [*SEEN]


@pytest.mark.slow
def test_a_run_without_memory_continues_with_half_the_batch(tmp_path: Path) -> None:
    whole = train(tmp_path / "whole")
    lacking = f"+callbacks.lacks._target_={HERE}.LacksMemory"
    with pytest.raises(RunError) as raised:
        train(tmp_path / "run", lacking)
    changes = ["training.batch_size=2", "trainer.accumulate_grad_batches=2"]
    assert str(raised.value) == (
        f"out of memory on cpu with a batch of 4 row(s): continue with {' '.join(changes)} "
        "resume=auto, which keeps the rows of a step"
    )
    assert raised.value.overrides == changes
    manifest = read_manifest(tmp_path / "run/manifest.yaml")
    assert (manifest["status"], manifest["reason"]) == ("failed", str(raised.value))
    assert "out of memory" in (tmp_path / "run/report.html").read_text()
    done, left = SEEN[:12], train(tmp_path / "run", lacking, *changes, "resume=auto")
    assert done + left == whole
    assert read_manifest(tmp_path / "run/manifest.yaml")["status"] == "finished"
    last = torch.load(tmp_path / "run/checkpoints/last.ckpt", weights_only=True)
    assert last["global_step"] == 10


def test_an_argument_of_the_optimizer_without_effect_is_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(RunError):
        train(tmp_path, f"+callbacks.lacks._target_={HERE}.LacksMemory")
    train(tmp_path, "optimizer.lr=0.5", "resume=auto")
    assert [message for message in caplog.messages if "no effect" in message] == [
        "optimizer.lr=0.5 has no effect: a resumed run keeps 0.003 of its checkpoint (to change "
        "it, start a new run in another hydra.run.dir)"
    ]
    last = torch.load(tmp_path / "checkpoints/last.ckpt", weights_only=True)
    groups = last["optimizer_states"][0]["param_groups"]
    assert {group["initial_lr"] for group in groups} == {0.003}


def test_a_batch_size_that_no_number_of_batches_continues_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError):
        train(tmp_path, f"+callbacks.lacks._target_={HERE}.LacksMemory")
    with pytest.raises(ConfigurationError, match="12 rows into its epoch, no multiple of the 5"):
        train(tmp_path, "training.batch_size=5", "resume=auto")


def test_a_loss_that_is_not_finite_ends_the_run_without_a_bad_checkpoint(tmp_path: Path) -> None:
    slow = "callbacks.autosave.minutes=9"
    destroys = f"+callbacks.destroys._target_={HERE}.Destroys"
    with pytest.raises(ConfigurationError) as raised:
        train(tmp_path, destroys, slow, "training.nan_patience=2")
    line = str(raised.value)
    assert line.startswith(
        "the loss is nan from step 4 on (batch 3 of epoch 0), 2 step(s) in a row; its rows: '"
    )
    assert "no checkpoint was saved" in line
    assert len(SEEN) == 20, "it ends after two bad steps"
    assert not list((tmp_path / "checkpoints").glob("*.ckpt"))
    with pytest.raises(
        ConfigurationError, match=r"1 step.* the last good checkpoint is .*last.ckpt of step 3"
    ):
        train(tmp_path, destroys)
    for file in (tmp_path / "checkpoints").glob("*.ckpt"):
        state = torch.load(file, weights_only=True)["state_dict"]
        assert all(value.isfinite().all() for value in state.values())


@pytest.mark.parametrize("command", ["evaluate", "predict", "predict to a file"])
def test_a_command_without_memory_names_a_smaller_batch(
    command: str, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lacks(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    Path("in.csv").write_text("text\na\n")
    rows = ("dataset.predict_file=in.csv", "training.batch_size=6", "training.run_dir=.")
    config = compose(
        [
            *("task=nlp/text_classification", "experiment=smoke", "callbacks=checkpoint", *rows),
            *(["output_file=out.csv"] if command.endswith("file") else []),
            "+trainer.enable_progress_bar=false",
        ]
    )
    monkeypatch.setattr(TaskTransformer, "forward", lacks)
    with pytest.raises(RunError) as raised:
        (evaluate_from_config if command == "evaluate" else predict_from_config)(config)
    assert str(raised.value) == (
        "out of memory on cpu with a batch of 6 row(s): repeat the command with "
        "training.batch_size=3"
    )


@pytest.mark.parametrize("module", ["torch.utils.data.dataloader", "mine"])
def test_a_dataloader_process_that_dies_with_a_batch_on_its_way(module: str) -> None:
    """Torch then raises what `multiprocessing` does where the connection ends."""
    code = "from multiprocessing import Pipe\none, other = Pipe()\nother.close()\none.recv()"
    with pytest.raises(EOFError) as raised:
        exec(code, {"__name__": module})
    failure = known_failure(raised.value, compose([]), CPU)
    assert (failure is None) == (module == "mine")
    assert failure is None or "a dataloader process has died (EOFError): lower" in str(failure)


def test_a_dead_dataloader_process_is_one_line() -> None:
    error = RuntimeError("DataLoader worker (pid(s) 7) exited unexpectedly\nmore")
    failure = known_failure(error, compose([]), CPU)
    assert "a dataloader process has died (DataLoader worker (pid(s) 7) exited" in str(failure)
    assert "continue with resume=auto" in str(failure)
    failure = known_failure(error, compose([]), CPU, trains=False)
    assert str(failure).endswith("and repeat the command")
    assert known_failure(RuntimeError("else"), compose([]), CPU) is None
