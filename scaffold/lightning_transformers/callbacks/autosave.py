"""Save the checkpoint from which a run resumes."""

import time
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import Checkpoint
from pytorch_lightning.trainer.states import TrainerFn
from pytorch_lightning.utilities.exceptions import SIGTERMException

from lightning_transformers.training.lightning_internals import AgreedSIGTERM, is_within_step
from lightning_transformers.training.trainer_fields import fields


class Autosave(Checkpoint):
    """Save the state of a fit to `last.ckpt`.

    Saves periodically, after each validation, at the end of the fit, and on SIGTERM, which clusters
    send before preemption: the current step or validation finishes, the run is saved, and all ranks
    exit with status 0, whichever received the signal. The same command with `resume=auto` then
    resumes bit-identically. Ctrl-C does the same, except for its status; a second one ends the run
    at once.

    Unlike `ModelCheckpoint(save_last=True)`, it saves without a new best checkpoint, too.

    Args:
        dirpath: folder of `last.ckpt`.
        minutes: minutes between two periodic checkpoints.
    """

    def __init__(self, dirpath: str | Path, minutes: Annotated[float, Field(gt=0)] = 15) -> None:
        self.file = Path(dirpath) / "last.ckpt"
        self.seconds = 60 * minutes
        self.due_at = 0.0
        self.started_after = 0
        """Number of batches before this fit."""

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Replace Lightning's handling of SIGTERM by one that all ranks agree on."""
        self.signals = AgreedSIGTERM(trainer)
        self.signals.handle_interrupts()

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Restore Python's handling of Ctrl-C."""
        AgreedSIGTERM.release_interrupts()

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Schedule the first checkpoint."""
        self.due_at = time.monotonic() + self.seconds
        self.started_after = trainer.fit_loop.total_batch_idx
        self.signals.is_training = True

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Save if due, and exit after a SIGTERM, but not while gradients accumulate.

        The checkpoint then needs no gradients.
        """
        if is_within_step(trainer):
            return
        if self.signals.agree(due=time.monotonic() >= self.due_at):
            self.save(trainer)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Postpone the exit to the end of the validation, which a resumed run does not repeat."""
        self.signals.postpone()

    def on_validation_batch_end(self, trainer: Trainer, *_: object) -> None:
        """Exit after a SIGTERM, except in the validation of a fit or with several ranks."""
        if trainer.state.fn != TrainerFn.FITTING:
            self._agree_if_alone(trainer)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save, and exit after a SIGTERM."""
        epochs: Any = trainer.fit_loop.epoch_progress.current
        if trainer.state.fn == TrainerFn.FITTING and not trainer.sanity_checking:
            if epochs.processed == epochs.ready:
                pass  # a validation at the end of the fit, which is saved next
            elif is_within_step(trainer):
                self.due_at = 0.0  # save at the end of the step
            else:
                self.save(trainer)
        self.signals.agree()

    def on_test_batch_end(self, trainer: Trainer, *_: object) -> None:
        """Exit after a SIGTERM, except with several ranks."""
        self._agree_if_alone(trainer)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save the final state of the fit, also after a validation: epoch ends change it."""
        self.signals.is_training = False
        if trainer.fit_loop.total_batch_idx != self.started_after:
            self.save(trainer)

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Save after a SIGTERM or Ctrl-C between two batches of a fit."""
        if isinstance(exception, SIGTERMException) and trainer.state.fn == TrainerFn.FITTING:
            self.save(trainer)
            name = "SIGTERM"
            if self.signals.is_interrupt:
                name, exception.__context__ = "Ctrl-C", KeyboardInterrupt()
            if trainer.is_global_zero:
                print(f"ended by {name}, saved {self.file}: continue with resume=auto")
        AgreedSIGTERM.release_interrupts()

    def save(self, trainer: Trainer) -> None:
        """Save the checkpoint, on all ranks together, and schedule the next one.

        With `fast_dev_run`, nothing is saved.
        """
        if not fields(trainer).fast_dev_run:
            trainer.save_checkpoint(self.file, weights_only=False)
        self.due_at = time.monotonic() + self.seconds

    def _agree_if_alone(self, trainer: Trainer) -> None:
        # Ranks may differ in their number of evaluation batches.
        if trainer.world_size == 1:
            self.signals.agree()
