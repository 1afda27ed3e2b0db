"""What keeps every run of a task exact, whichever hooks its class overrides."""

from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.trainer.states import TrainerFn
from torch import Tensor
from torch.utils.hooks import RemovableHandle
from transformers import PreTrainedTokenizerBase

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.models.backbone import embedding_rows
from lightning_transformers.models.freezing import trainable
from lightning_transformers.training import resume
from lightning_transformers.training.checkpoint_io import SafeCheckpointIO
from lightning_transformers.training.lightning_internals import (
    advance_progress,
    end_restart,
    finish_epoch,
    replace_checkpoint_io,
)
from lightning_transformers.training.trainer_fields import fields


class ExactnessCallback(Callback):
    """Keeps checkpoints safe and resumes exact, and checks what would fail silently.

    A callback, since the hooks of a task are the user's, who may leave out `super()`, as Lightning
    allows. It comes first, so that a resumed run has its random states before any other callback
    draws a number.

    Args:
        task: the task that the trainer runs.
    """

    def __init__(self, task: resume.ExactTask) -> None:
        self.task = task
        self.weight: RemovableHandle | None = None
        self.resumed: list[resume.State] | None = None
        self.trainable_when_wrapped: set[str] = set()
        self.epoch = -1

    @classmethod
    def attach(cls, trainer: Trainer, task: resume.ExactTask, *others: type[Callback]) -> None:
        """Put a callback for the task, and `others`, first, in place of those of earlier runs."""
        callbacks = fields(trainer).callbacks
        kept = [c for c in callbacks if not isinstance(c, (cls, *others))]
        callbacks[:] = [cls(task), *(other() for other in others), *kept]

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Have checkpoints written safely; check that each token of the data has an embedding."""
        replace_checkpoint_io(trainer, SafeCheckpointIO())
        tokenizer = getattr(fields(trainer).datamodule, "tokenizer", None)
        if not isinstance(tokenizer, PreTrainedTokenizerBase):
            return
        rows = embedding_rows(self.task.model)
        if len(tokenizer) > rows:
            raise ConfigurationError(
                f"the tokenizer has {len(tokenizer)} tokens, the model's embedding only {rows} "
                "rows: create the model with model_data_kwargs=data.model_data_kwargs"
            )

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Record what trains as the strategy has wrapped the model."""
        self.trainable_when_wrapped, self.epoch = trainable(pl_module), -1
        if self.resumed is not None:  # of a fit with nothing left to do
            resume.restore_results(self.task, self.resumed)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Have a resumed run begin where the former one ended."""
        finish_epoch(trainer)
        if self.resumed is not None:  # the sanity check has forgotten it
            resume.restore_results(self.task, self.resumed)
            trainer.should_stop |= resume.has_stopped(trainer)

    # A run resumes with an epoch, a batch, a validation, or the end of an epoch. Not earlier: the
    # loader has drawn its numbers when the epoch began.

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Restore the state of a resumed run."""
        if self.resumed is not None and not trainer.sanity_checking:
            resume.restore(self.task, self.resumed)
            self.resumed = None

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Restore the state of a resumed run; leave out nothing that is due at the end."""
        self.on_train_epoch_start(trainer, pl_module)
        end_restart(trainer)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Restore the state of a resumed run; reset what an interrupted validation had."""
        self.on_train_epoch_start(trainer, pl_module)
        for metrics in self.task.metrics.values():
            metrics.reset()  # type: ignore[operator]

    on_test_start = on_validation_start

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Restore the state of a resumed run; show the task its batch."""
        self.on_train_epoch_start(trainer, pl_module)
        self.task.current_batch, self.task.weighting.count = batch, None
        first, self.epoch = self.epoch != trainer.current_epoch, trainer.current_epoch
        if first and trainer.world_size > 1 and trainable(pl_module) != self.trainable_when_wrapped:
            raise ConfigurationError(
                "parameters were frozen or unfrozen in on_fit_start or later, when the processes "
                "had already agreed on those that train: do it in setup, or train on one device"
            )

    def on_before_backward(
        self, trainer: Trainer, pl_module: LightningModule, loss: Tensor
    ) -> None:
        """Weigh the batch by its targets, see `TokenWeighting`."""
        if not pl_module.automatic_optimization:
            return
        weight = self.task.weighting.weigh(loss, self.task.number_of_targets, trainer)
        if weight is not None:
            self.weight = loss.register_hook(  # type: ignore[no-untyped-call]
                lambda gradient: gradient * weight.to(gradient.dtype)
            )

    def on_after_backward(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Weigh it once, should its loss be kept."""
        if self.weight is not None:
            self.weight.remove()
            self.weight = None

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Forget what a fit that had nothing left to do has not restored."""
        self.resumed = None

    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Add what Lightning leaves out."""
        if trainer.state.fn == TrainerFn.FITTING:
            advance_progress(trainer, checkpoint["loops"])
            checkpoint[resume.KEY] = resume.capture_state(self.task)

    def on_load_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Keep it until the fit starts."""
        if trainer.state.fn == TrainerFn.FITTING:
            self.resumed = checkpoint.get(resume.KEY)
            if self.resumed is not None:  # some strategies load it when the fit has begun
                resume.restore_results(self.task, self.resumed)
            resume.relocate_checkpoint_paths(trainer, checkpoint.get("callbacks", {}))
