"""Checkpoints to go on from, in between those of the validations."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.trainer.states import TrainerFn
from pytorch_lightning.utilities.exceptions import SIGTERMException

from lightning_transformers.callbacks.signals import AgreedSIGTERM


class Autosave(ModelCheckpoint):
    """Save every so many minutes, and when the process is told to end (SIGTERM).

    A cluster that takes a job off its machine sends SIGTERM: the batch is finished, the run is
    saved, and the process ends with status 0. The same command with `resume=auto` goes on from
    there, bit for bit. Of several processes any may get the signal: they end after the same batch.
    A validation is brought to its end first. There is one file, which a fit that comes to its end
    takes away.

    Args:
        dirpath: folder of the file, `autosave.ckpt`.
        minutes: time between two checkpoints.
    """

    def __init__(self, dirpath: str | Path, minutes: float = 15) -> None:
        super().__init__(
            dirpath=dirpath,
            filename="autosave",
            train_time_interval=timedelta(minutes=minutes),
            enable_version_counter=False,
        )
        self.file = Path(dirpath) / f"autosave{self.FILE_EXTENSION}"

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Have all processes agree on SIGTERM, in place of what Lightning does."""
        super().setup(trainer, pl_module, stage)
        trainer._signal_connector = self.signals = AgreedSIGTERM(trainer)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Save when it is time, and end if a process is to end."""
        super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)
        self.signals.agree()

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Do not end before the validation of a fit has: a run that goes on would not repeat it."""
        self.signals.postpone()

    def on_validation_batch_end(self, trainer: Trainer, *_: Any) -> None:
        """End if a process is to end, unless it is the validation of a fit."""
        if trainer.state.fn != TrainerFn.FITTING:
            self.signals.agree()

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save if the callback's options say so, and end if a process is to end."""
        super().on_validation_end(trainer, pl_module)
        self.signals.agree()

    def on_test_batch_end(self, *_: Any) -> None:
        """End if a process is to end."""
        self.signals.agree()

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Save, if the process was told to end between two batches of a fit."""
        if isinstance(exception, SIGTERMException) and trainer.state.fn == TrainerFn.FITTING:
            trainer.save_checkpoint(self.file)
            if trainer.is_global_zero:
                print(f"ended by SIGTERM, saved {self.file}: go on with resume=auto")

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take the file away: the last checkpoint of the fit has all that is in it."""
        if trainer.is_global_zero and len(trainer.checkpoint_callbacks) > 1:
            self.file.unlink(missing_ok=True)

    def state_dict(self) -> dict[str, Any]:
        """Return nothing: where the file is says the config."""
        return {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up nothing."""
