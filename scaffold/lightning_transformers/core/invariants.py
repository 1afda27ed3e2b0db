"""What holds in every run of a task, whichever hooks its class overrides."""

from typing import TYPE_CHECKING, Any, cast

from lightning_fabric.plugins import TorchCheckpointIO
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.trainer.states import TrainerFn
from torch import Tensor
from torch.utils.hooks import RemovableHandle
from transformers import PreTrainedTokenizerBase

from lightning_transformers.core import resuming
from lightning_transformers.core.backbone import embedding_rows
from lightning_transformers.core.checkpoint_io import SafeCheckpointIO
from lightning_transformers.core.freezing import trainable
from lightning_transformers.errors import ConfigurationError

if TYPE_CHECKING:
    from lightning_transformers.core.task import TaskTransformer


class Invariants(Callback):
    """Keeps checkpoints safe and resumes exact, and checks what would fail silently.

    `TaskTransformer` brings it along with the trainer. It is a callback, since the hooks of a task
    are the user's, who may leave out `super()`, as one may in Lightning.
    """

    def __init__(self) -> None:
        self.weight: RemovableHandle | None = None
        self.resumed: list[Any] | None = None
        self.trainable_when_wrapped: set[str] = set()
        self.epoch = -1

    @classmethod
    def attach(cls, trainer: Trainer) -> None:
        """Have it in a trainer, before all other callbacks."""
        if not any(isinstance(callback, cls) for callback in trainer.callbacks):  # type: ignore[attr-defined]
            trainer.callbacks.insert(0, cls())  # type: ignore[attr-defined]

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Have checkpoints written safely; check that each token of the data has an embedding."""
        writer: Any = trainer.strategy.checkpoint_io
        if type(writer) is TorchCheckpointIO:
            trainer.strategy.checkpoint_io = SafeCheckpointIO()
        inner = getattr(writer, "checkpoint_io", None)  # of one that writes in a thread
        if type(inner) is TorchCheckpointIO:
            writer._checkpoint_io = SafeCheckpointIO()
        tokenizer = getattr(trainer.datamodule, "tokenizer", None)  # type: ignore[attr-defined]
        if not isinstance(tokenizer, PreTrainedTokenizerBase):
            return
        rows = embedding_rows(pl_module.model)  # type: ignore[arg-type]
        if len(tokenizer) > rows:
            raise ConfigurationError(
                f"the tokenizer has {len(tokenizer)} tokens, the model's embedding only {rows} "
                "rows: create the model with model_data_kwargs=data.model_data_kwargs"
            )

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take note of what trains as the strategy has wrapped the model."""
        self.trainable_when_wrapped, self.epoch = trainable(pl_module), -1
        if self.resumed is not None:  # of a fit with nothing left to do
            resuming.restore_results(cast("TaskTransformer", pl_module), self.resumed)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Have a run that goes on begin where the former one ended."""
        resuming.finish_epoch(trainer)
        if self.resumed is not None:  # the sanity check has forgotten it
            resuming.restore_results(cast("TaskTransformer", pl_module), self.resumed)
            trainer.should_stop |= resuming.has_stopped(trainer)

    # A run goes on with an epoch, a batch, a validation, or the end of an epoch. Not earlier: the
    # loader has drawn its numbers when the epoch began.

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take up the state of a run that goes on."""
        if self.resumed is not None and not trainer.sanity_checking:
            resuming.restore(cast("TaskTransformer", pl_module), self.resumed)
            self.resumed = None

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take up the state of a run that goes on; leave out nothing that is due at the end."""
        self.on_train_epoch_start(trainer, pl_module)
        # Lightning would not have schedules step that look at metrics, which it does not keep.
        trainer.fit_loop._restarting = False

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take up the state of a run that goes on; forget what a broken-off validation had."""
        self.on_train_epoch_start(trainer, pl_module)
        for metrics in cast("TaskTransformer", pl_module).metrics.values():
            metrics.reset()  # type: ignore[operator]

    on_test_start = on_validation_start

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Take up the state of a run that goes on; show the task its batch."""
        self.on_train_epoch_start(trainer, pl_module)
        task = cast("TaskTransformer", pl_module)
        task.current_batch, task.weighting.count = batch, None
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
        if pl_module.automatic_optimization:
            task = cast("TaskTransformer", pl_module)
            weight = task.weighting.weigh(loss, task.number_of_targets, trainer)
            register: Any = loss.register_hook
            if weight is not None:
                self.weight = register(lambda gradient: gradient * weight.to(gradient.dtype))

    def on_after_backward(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Weigh it once, should its loss be kept."""
        if self.weight is not None:
            self.weight.remove()
            self.weight = None

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Forget what a fit that had nothing left to do has not taken up."""
        self.resumed = None

    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Add what Lightning leaves out."""
        if trainer.state.fn == TrainerFn.FITTING:
            resuming.finish_batch(trainer, checkpoint["loops"])
            checkpoint[resuming.KEY] = resuming.state_of(cast("TaskTransformer", pl_module))

    def on_load_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Keep it until the run goes on."""
        if trainer.state.fn == TrainerFn.FITTING:
            self.resumed = checkpoint.get(resuming.KEY)
            if self.resumed is not None:  # some strategies load it when the fit has begun
                resuming.restore_results(cast("TaskTransformer", pl_module), self.resumed)
            resuming.follow_folder(trainer, checkpoint.get("callbacks", {}))
