"""Runs on two ranks, resumed after SIGTERM to some of them; started by `test_launcher_ddp.py`.

Each argument names the ranks that get SIGTERM in a run: `0 1 01`. With `plain`, Lightning alone
handles it.
"""

import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import Checkpoint, ModelCheckpoint
from pytorch_lightning.utilities.exceptions import SIGTERMException

from lightning_transformers.callbacks import Autosave
from tests.helpers.language_modeling import model, sample, trainer
from tests.helpers.rendered import task_class

SIGNAL_BATCH = 4
"""The batch at which SIGTERM is sent; its step is incomplete after it."""
END = 6
"""Batches of the run until that step is complete."""
TIMEOUT_S = 10.0
"""Seconds from the batch before it, after which a run counts as hanging."""


class LightningsOwn(ModelCheckpoint):
    """Saves at SIGTERM as `Autosave` does, leaves the signal to Lightning, and detects a hang."""

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        if trainer.fit_loop.total_batch_idx == SIGNAL_BATCH - 1:
            watch = threading.Timer(TIMEOUT_S, self.hangs)
            watch.daemon = True
            watch.start()

    def hangs(self) -> None:
        print("hangs", flush=True)
        os._exit(3)

    def on_exception(self, trainer: Trainer, *_: Any) -> None:
        trainer.save_checkpoint(Path(str(self.dirpath)) / "last.ckpt")


class Terminator(Checkpoint):
    """Sends SIGTERM to this process within an accumulated step, if it is one of the ranks."""

    def __init__(self, ranks: str) -> None:
        self.ranks = ranks
        self.seen: list[int] = []

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        self.seen.append(int(batch["input_ids"].sum()))

    def on_after_backward(self, trainer: Trainer, pl_module: LightningModule) -> None:
        is_due = trainer.fit_loop.total_batch_idx == SIGNAL_BATCH
        if is_due and str(trainer.global_rank) in self.ranks:
            os.kill(os.getpid(), signal.SIGTERM)


def fit(folder: Path, ranks: str = "", plain: bool = False) -> tuple[list[torch.Tensor], list[int]]:
    """Return the final parameters and the batches; resume from `last.ckpt` if it exists."""
    task = model(task_class("language_modeling", "ema_weights", "weight_noise"))
    limits = {"limit_train_batches": 9, "limit_val_batches": 1, "accumulate_grad_batches": 3}
    two = {"strategy": "ddp", "devices": 2, "enable_checkpointing": True}
    terminator = Terminator(ranks)
    autosave = LightningsOwn(folder) if plain else Autosave(folder)
    run = trainer(folder, callbacks=[terminator, autosave], **two, **limits)
    file = folder / "last.ckpt"
    newest = str(file) if file.is_file() else None
    run.fit(task, sample(batch_size=4), ckpt_path=newest, weights_only=True)
    return [p.detach().clone() for p in task.parameters()], terminator.seen


def interrupted_and_resumed(
    folder: Path, ranks: str, plain: bool
) -> tuple[list[torch.Tensor], list[int]]:
    """Return the final parameters of a run resumed after SIGTERM, and the batches since then."""
    try:
        fit(folder, ranks, plain)
    except SIGTERMException:
        return fit(folder)
    raise AssertionError("SIGTERM did not stop the run")


if __name__ == "__main__":
    words = sys.argv[1:]
    weights, batches = fit(Path("whole"))
    for ranks in (word for word in words if word != "plain"):
        found, left = interrupted_and_resumed(Path(f"interrupted-{ranks}"), ranks, "plain" in words)
        same = all(map(torch.equal, weights, found)) and batches[END:] == left
        result = f"{ranks} equal" if same else f"{ranks} other: {batches} {left}"
        os.write(1, f"{result}\n".encode())  # at once: another process writes as well
