"""The checkpoint that a run goes on from."""

import time
from pathlib import Path
from typing import Any

from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import Checkpoint
from pytorch_lightning.trainer.states import TrainerFn
from pytorch_lightning.utilities.exceptions import SIGTERMException

from lightning_transformers.training.lightning_internals import AgreedSIGTERM, is_within_step
from lightning_transformers.training.trainer_fields import fields


class Autosave(Checkpoint):
    """Keep the newest state of a fit in `last.ckpt`.

    It is saved every so many minutes, after each validation, at the end of the fit, and when the
    process is told to end (SIGTERM), as a cluster does that takes a job off its machine: the step
    is finished, the run is saved, and the process ends with status 0. The same command with
    `resume=auto` goes on from there, bit for bit. Of several processes any may get the signal:
    they end after the same step. A validation is brought to its end first.

    Lightning's `ModelCheckpoint` writes a `last.ckpt` only where it has written a best one.

    Args:
        dirpath: folder of the file.
        minutes: time between two checkpoints.
    """

    def __init__(self, dirpath: str | Path, minutes: float = 15) -> None:
        self.file = Path(dirpath) / "last.ckpt"
        self.seconds = 60 * minutes
        self.due_at = 0.0
        self.saved_after = 0
        """How many batches the run had had when it was saved last."""

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Have all processes agree on SIGTERM, in place of what Lightning does."""
        self.signals = AgreedSIGTERM(trainer)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clock."""
        self.due_at = time.monotonic() + self.seconds
        self.saved_after = trainer.fit_loop.total_batch_idx

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Save if it is time, and end if a process is to end; not in the midst of a step.

        A checkpoint would have to hold its gradients, of all processes.
        """
        if is_within_step(trainer):
            return
        if self.signals.agree(due=time.monotonic() >= self.due_at):
            self.save(trainer)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Do not end before the validation of a fit has: a run that goes on would not repeat it."""
        self.signals.postpone()

    def on_validation_batch_end(self, trainer: Trainer, *_: object) -> None:
        """End if the process is to end, unless it is the validation of a fit."""
        if trainer.state.fn != TrainerFn.FITTING:
            self._agree_if_alone(trainer)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save with what the validation has found, and end if a process is to end."""
        if trainer.state.fn == TrainerFn.FITTING and not trainer.sanity_checking:
            if is_within_step(trainer):
                self.due_at = 0.0  # at the end of the step
            else:
                self.save(trainer)
        self.signals.agree()

    def on_test_batch_end(self, trainer: Trainer, *_: object) -> None:
        """End if the process is to end."""
        self._agree_if_alone(trainer)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save the end of the fit, if that is not done."""
        if trainer.fit_loop.total_batch_idx != self.saved_after:
            self.save(trainer)

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Save, if the process was told to end between two batches of a fit."""
        if isinstance(exception, SIGTERMException) and trainer.state.fn == TrainerFn.FITTING:
            self.save(trainer)
            if trainer.is_global_zero:
                print(f"ended by SIGTERM, saved {self.file}: go on with resume=auto")

    def save(self, trainer: Trainer) -> None:
        """Write the file, on all processes together, and start the clock anew."""
        if not fields(trainer).fast_dev_run:
            trainer.save_checkpoint(self.file, weights_only=False)
        self.due_at = time.monotonic() + self.seconds
        self.saved_after = trainer.fit_loop.total_batch_idx

    def _agree_if_alone(self, trainer: Trainer) -> None:
        # Of several processes one may have more batches to evaluate than another.
        if trainer.world_size == 1:
            self.signals.agree()
