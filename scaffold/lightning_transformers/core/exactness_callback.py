"""The callback that makes runs of a task exact, whichever hooks its class overrides."""

from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.trainer.states import TrainerFn
from torch import Tensor
from torch.utils.hooks import RemovableHandle
from transformers import PreTrainedTokenizerBase

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.base.types import Batch, Checkpoint
from lightning_transformers.core.loaders import DataLoaders
from lightning_transformers.models.backbone import embedding_rows
from lightning_transformers.models.freezing import trainable
from lightning_transformers.models.sharding import supports_fused
from lightning_transformers.training import resume
from lightning_transformers.training.batch_size import STEP_ROWS, convert_progress
from lightning_transformers.training.checkpoint_io import SafeCheckpointIO
from lightning_transformers.training.formulas import KEY, recorded_formulas
from lightning_transformers.training.lightning_internals import (
    advance_progress,
    disable_empty_hooks,
    enable_hooks,
    end_restart,
    finish_epoch,
    replace_checkpoint_io,
)
from lightning_transformers.training.schedules import check_validation_interval
from lightning_transformers.training.trainer_fields import fields

GROUP_SIZE = "group_size"
"""Key of a checkpoint: `DataLoaders.group_rows` of the run, on which its order depends."""


class ExactnessCallback(Callback):
    """Makes checkpoints safe and resumes exact, and checks for silent failures.

    A callback, since users override a task's hooks, possibly without `super()`. It runs first, so
    that random states are restored before another callback draws a number.

    Args:
        task: the task that the trainer runs.
    """

    def __init__(self, task: resume.ExactTask) -> None:
        self.task = task
        self.weight: RemovableHandle | None = None
        self.resumed: list[Checkpoint] | None = None
        self.trainable_when_wrapped: set[str] = set()
        self.epoch = -1

    @classmethod
    def attach(cls, trainer: Trainer, task: resume.ExactTask, *others: type[Callback]) -> None:
        """Insert the callback and `others` before all callbacks of a trainer.

        Args:
            trainer: the trainer; callbacks of these classes from previous runs are removed.
            task: the task that the trainer runs.
            others: classes of further callbacks, created without arguments.
        """
        callbacks = fields(trainer).callbacks
        rest = [c for c in callbacks if not isinstance(c, (cls, *others))]
        callbacks[:] = [cls(task), *(other() for other in others), *rest]

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Install the safe checkpoint writer; check that every token has an embedding.

        Raises:
            ConfigurationError: if the tokenizer has more tokens than the embedding has rows.
        """
        replace_checkpoint_io(trainer, SafeCheckpointIO())
        if isinstance(writer := trainer.strategy.checkpoint_io, SafeCheckpointIO):
            writer.setup()
        self.task.may_fuse = supports_fused(trainer)
        if isinstance(self.task.data, DataLoaders):
            self.task.data.group_size = None  # in a resumed fit, that of the checkpoint
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
        """Record the trainable parameters when the strategy wraps the model.

        Raises:
            ConfigurationError: for a `val_check_interval` beyond the epoch.
        """
        check_validation_interval(trainer)
        self.trainable_when_wrapped, self.epoch = trainable(pl_module), -1
        if self.resumed is not None:  # for a fit without remaining steps
            resume.restore_results(self.task, self.resumed)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Restore a resumed run's logged metrics and early stop; random states follow later."""
        disable_empty_hooks(fields(trainer).callbacks)
        finish_epoch(trainer)
        if self.resumed is not None:  # the sanity check has reset them
            resume.restore_results(self.task, self.resumed)
            resume.follow_schedule(trainer)
            trainer.should_stop |= resume.has_stopped(trainer)

    # A run resumes at the start of an epoch, batch or validation, or at the end of an epoch; an
    # earlier restore would be undone by the dataloader, which draws random numbers.

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Restore the random states and gradients of a resumed run."""
        if self.resumed is not None and not trainer.sanity_checking:
            resume.restore_state(self.task, self.resumed)
            self.resumed = None

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Restore the state of a resumed run, and let Lightning step all schedulers."""
        self.on_train_epoch_start(trainer, pl_module)
        end_restart(trainer)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Restore the state of a resumed run; reset the metrics of an interrupted validation."""
        self.on_train_epoch_start(trainer, pl_module)
        for metrics in self.task.metrics.values():
            metrics.reset()  # type: ignore[operator]

    on_test_start = on_validation_start

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Batch, batch_idx: int
    ) -> None:
        """Restore the state of a resumed run, and set `current_batch`, each tensor `(batch, …)`.

        Raises:
            ConfigurationError: with several ranks, if parameters were frozen or unfrozen after the
                strategy had wrapped the model.
        """
        self.on_train_epoch_start(trainer, pl_module)
        self.task.current_batch, self.task.weighting.count = batch, None
        first, self.epoch = self.epoch != trainer.current_epoch, trainer.current_epoch
        if first and trainer.world_size > 1 and trainable(pl_module) != self.trainable_when_wrapped:
            raise ConfigurationError(
                "parameters were frozen or unfrozen in on_fit_start or later, after the strategy "
                "wrapped the model: do it in setup, or train on one device"
            )

    def on_before_backward(
        self, trainer: Trainer, pl_module: LightningModule, loss: Tensor
    ) -> None:
        """Weight the gradient of the loss, a scalar, by the number of targets: `TokenWeighting`."""
        if not pl_module.automatic_optimization:
            return
        weight = self.task.weighting.weigh(loss, self._number_of_targets, trainer)
        if weight is not None:
            self.weight = loss.register_hook(  # type: ignore[no-untyped-call]
                lambda gradient: gradient * weight.to(gradient.dtype)
            )

    def _number_of_targets(self) -> Tensor:
        """Return the number of targets of the batch, a scalar; 0 if it repeats another rank's."""
        count, data = self.task.number_of_targets(), self.task.data
        if not isinstance(data, DataLoaders):
            return count
        return count * (not data.is_filler(self.task.trainer.fit_loop.batch_idx))

    def on_after_backward(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Remove the hook that weights the gradient, since the loss may be used again."""
        if self.weight is not None:
            self.weight.remove()
            self.weight = None

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Drop the state that a fit without remaining steps has not restored."""
        self.resumed = None
        enable_hooks(fields(trainer).callbacks)

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Let a trainer that is used again call all hooks."""
        enable_hooks(fields(trainer).callbacks)

    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: Checkpoint
    ) -> None:
        """Add the version of the formulas, and in a fit the state that Lightning lacks."""
        checkpoint[KEY] = self.task.formulas
        if trainer.state.fn == TrainerFn.FITTING:
            advance_progress(trainer, checkpoint["loops"])
            checkpoint[resume.KEY] = resume.capture_state(self.task)
            if isinstance(self.task.data, DataLoaders):
                checkpoint[GROUP_SIZE] = self.task.data.group_rows()
                checkpoint[STEP_ROWS] = (
                    self.task.data.batch_size * trainer.world_size * trainer.accumulate_grad_batches
                )

    def on_load_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: Checkpoint
    ) -> None:
        """Take over the formulas; keep the state until training starts; update moved paths.

        The progress is converted to the present batch size.

        Raises:
            ConfigurationError: for formulas of an earlier version, if the strategy has built the
                optimizer before it loads the checkpoint; for a batch size that does not fit.
        """
        if trainer.state.fn == TrainerFn.FITTING:
            formulas = recorded_formulas(checkpoint)
            if trainer.strategy.restore_checkpoint_after_setup and formulas != self.task.formulas:
                raise ConfigurationError(
                    f"{type(trainer.strategy).__name__} cannot resume a run with formulas of "
                    f"version {formulas} (now {self.task.formulas}): install the version of this "
                    "package that started the run"
                )
            self.task.formulas = formulas
            if self.task.data is not None:
                self.task.attach_data(self.task.data)
            if isinstance(self.task.data, DataLoaders):
                self.task.data.group_size = checkpoint.get(GROUP_SIZE)
            self.resumed = checkpoint.get(resume.KEY)
            if self.resumed is not None:  # some strategies load after on_fit_start
                resume.restore_results(self.task, self.resumed)
            resume.relocate_checkpoint_paths(trainer, checkpoint.get("callbacks", {}))
            convert_progress(trainer, checkpoint)
