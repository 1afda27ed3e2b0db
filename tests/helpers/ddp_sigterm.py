"""Runs on two processes of which some get SIGTERM, and go on; started by `test_launcher_ddp.py`.

The argument is the ranks that get it, one run each: `0 1 01`. With `plain`, Lightning is as it is.
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

MIDST = 4
"""The batch with the signal, which belongs to a step that is not done after it."""
END = 6
"""Batches that the run has had when that step is done."""
PATIENCE = 10.0
"""Seconds from the batch before it, after which a run hangs that has not ended."""


class LightningsOwn(ModelCheckpoint):
    """Saves at the signal as `Autosave` does, leaves it to Lightning, and sees whether it hangs."""

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        if trainer.fit_loop.total_batch_idx == MIDST - 1:
            watch = threading.Timer(PATIENCE, self.hangs)
            watch.daemon = True
            watch.start()

    def hangs(self) -> None:
        print("hangs", flush=True)
        os._exit(3)

    def on_exception(self, trainer: Trainer, *_: Any) -> None:
        trainer.save_checkpoint(Path(str(self.dirpath)) / "last.ckpt")


class Teller(Checkpoint):
    """Sends SIGTERM to this process amid a step, if it is one of the ranks."""

    def __init__(self, ranks: str) -> None:
        self.ranks = ranks
        self.seen: list[int] = []

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        self.seen.append(int(batch["input_ids"].sum()))

    def on_after_backward(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.fit_loop.total_batch_idx == MIDST and str(trainer.global_rank) in self.ranks:
            os.kill(os.getpid(), signal.SIGTERM)


def fit(folder: Path, ranks: str = "", plain: bool = False) -> tuple[list[torch.Tensor], list[int]]:
    """Return the parameters in the end, and the batches; go on from a checkpoint there."""
    task = model(task_class("language_modeling", "ema_weights", "weight_noise"))
    limits = {"limit_train_batches": 9, "limit_val_batches": 1, "accumulate_grad_batches": 3}
    two = {"strategy": "ddp", "devices": 2, "enable_checkpointing": True}
    teller = Teller(ranks)
    autosave = LightningsOwn(folder) if plain else Autosave(folder)
    run = trainer(folder, callbacks=[teller, autosave], **two, **limits)
    file = folder / "last.ckpt"
    newest = str(file) if file.is_file() else None
    run.fit(task, sample(batch_size=4), ckpt_path=newest, weights_only=True)
    return [p.detach().clone() for p in task.parameters()], teller.seen


def told_and_resumed(folder: Path, ranks: str, plain: bool) -> tuple[list[torch.Tensor], list[int]]:
    """Return what a run ends with that was told to end, and went on; its batches from both."""
    try:
        fit(folder, ranks, plain)
    except SIGTERMException:
        return fit(folder)
    raise AssertionError("the run went on")


if __name__ == "__main__":
    words = sys.argv[1:]
    weights, batches = fit(Path("whole"))
    for ranks in (word for word in words if word != "plain"):
        found, left = told_and_resumed(Path(f"told-{ranks}"), ranks, "plain" in words)
        same = all(map(torch.equal, weights, found)) and batches[END:] == left
        said = f"{ranks} equal" if same else f"{ranks} other: {batches} {left}"
        os.write(1, f"{said}\n".encode())  # at once: another process writes as well
