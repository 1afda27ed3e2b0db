"""Validation of a fit that would end without one."""

from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.trainer.states import TrainerFn

from lightning_transformers.base.types import Checkpoint
from lightning_transformers.training.lightning_internals import validate_at_epoch_end
from lightning_transformers.training.resume import limit_reached


class FinalValidation(Callback):
    """Validate at the end of a fit that ends before its first validation.

    Such as with `trainer.max_steps` within the first epoch. Without a validation there would be no
    best checkpoint.
    """

    def __init__(self) -> None:
        self.has_validated = False

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Record a validation of the fit."""
        if trainer.state.fn == TrainerFn.FITTING and not trainer.sanity_checking:
            self.has_validated = True

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Validate if the fit ends here, before other callbacks look for the metrics."""
        ends = trainer.should_stop or limit_reached(trainer)
        if ends and not self.has_validated and trainer.enable_validation:
            validate_at_epoch_end(trainer)

    def state_dict(self) -> Checkpoint:
        """Return whether the run has validated, for a resumed run."""
        return {"has_validated": self.has_validated}

    def load_state_dict(self, state_dict: Checkpoint) -> None:
        """Restore whether the run has validated."""
        self.has_validated = state_dict["has_validated"]
