"""Access to private attributes of Lightning, except those of its process launcher.

Lightning has no public API for these. A test names each attribute, so that an incompatible
version of Lightning fails there.
"""

from collections.abc import Mapping
from types import FrameType

import torch
from lightning_fabric.plugins import CheckpointIO, TorchCheckpointIO
from pytorch_lightning import Trainer
from pytorch_lightning.callbacks import RichProgressBar
from pytorch_lightning.loops.fit_loop import RestartStage
from pytorch_lightning.trainer.connectors.signal_connector import _SignalConnector
from torch import Tensor, distributed

from lightning_transformers.base.types import Checkpoint


def is_within_step(trainer: Trainer) -> bool:
    """Return whether more batches are accumulated before the optimizer steps."""
    return trainer.fit_loop._should_accumulate()


def restore_logged_metrics(trainer: Trainer, metrics: Mapping[str, Tensor]) -> None:
    """Set `trainer.callback_metrics`, each a scalar, as if they had just been logged."""
    trainer._logger_connector._callback_metrics.update(metrics)


def replace_checkpoint_io(trainer: Trainer, new: CheckpointIO) -> None:
    """Replace Lightning's default checkpoint plugin, also within an async one; keep all others."""
    writer = trainer.strategy.checkpoint_io
    if type(writer) is TorchCheckpointIO:
        trainer.strategy.checkpoint_io = new
    if type(getattr(writer, "checkpoint_io", None)) is TorchCheckpointIO:  # AsyncCheckpointIO
        writer._checkpoint_io = new  # type: ignore[attr-defined]


def advance_progress(trainer: Trainer, loops: Checkpoint) -> None:
    """Let a resumed run perform what was due after the last batch of a checkpoint.

    From a checkpoint written in `on_train_batch_end`, Lightning resumes with the next batch and
    skips a validation that was due, or the epoch-end hooks after the last batch of an epoch.

    Args:
        trainer: the trainer, during the fit.
        loops: the checkpoint's `loops`; changed in place.
    """
    loop = trainer.fit_loop.epoch_loop
    total = loop.batch_progress.total
    if total.completed == total.processed:  # type: ignore[attr-defined]
        return  # on_train_batch_end is over
    fetcher = trainer.fit_loop._data_fetcher
    validates = fetcher is not None and loop._should_check_val_fx(fetcher)
    if not validates and not loop.batch_progress.is_last_batch:
        return
    state = loops["fit_loop"]
    for count in ("total", "current"):
        state["epoch_loop.batch_progress"][count]["completed"] += 1
    if validates:  # as if validation had started
        begun = {"ready": 1, "started": 1, "processed": 0, "completed": 0}
        state["epoch_loop.val_loop.batch_progress"]["total"] = begun
    elif not loop._should_accumulate():
        state["epoch_loop.state_dict"]["_batches_that_stepped"] += 1


def finish_epoch(trainer: Trainer) -> None:
    """Let a run that resumes at the end of an epoch continue with the next one.

    With `max_steps` but no `max_epochs`, Lightning would repeat the end of the epoch.
    """
    loop = trainer.fit_loop
    if loop.restarted_on_epoch_end and loop._iteration_based_training():
        loop.epoch_progress.increment_completed()
        loop._restart_stage = RestartStage.RESUMED_ON_EPOCH_END
        loop._restarting = loop.epoch_loop.restarting = False


def end_restart(trainer: Trainer) -> None:
    """Let the end of a resumed epoch step schedulers that monitor a metric.

    Lightning skips them on a restart, since it does not restore the metrics.
    """
    trainer.fit_loop._restarting = False


class AgreedSIGTERM(_SignalConnector):
    """Records SIGTERM, and stops all ranks after the same step.

    Lightning's handler broadcasts immediately, which deadlocks within another collective
    operation, and loses a signal that rank 0 does not receive. Here the ranks vote at the end of
    a step.

    Args:
        trainer: the trainer, whose signal connector it replaces.
    """

    def __init__(self, trainer: Trainer) -> None:
        super().__init__(trainer)
        self.received_here = False
        trainer._signal_connector = self

    def _sigterm_notifier_fn(self, signum: object, _: FrameType | None) -> None:
        self.received_here = True

    def agree(self, due: bool = False) -> bool:
        """Let Lightning stop the run at its next check if any rank has received SIGTERM.

        Costs one all-reduce of two numbers; Lightning's `reduce_boolean_decision` adds a barrier.

        Args:
            due: this rank's vote for another action, such as saving a checkpoint.

        Returns:
            Whether any rank voted for that action.
        """
        wanted = [self.received_here, due]
        if self.trainer.world_size > 1:
            device = self.trainer.strategy.root_device
            votes = torch.tensor(wanted, dtype=torch.int32, device=device)
            distributed.all_reduce(votes)
            wanted = [bool(vote) for vote in votes.tolist()]
        self.received_sigterm, anyone = wanted
        return anyone

    def postpone(self) -> None:
        """Let Lightning continue until the next vote."""
        self.received_sigterm = False


class ProgressBar(RichProgressBar):
    """Lightning's progress bar with epochs counted from 1, as in `trainer.max_epochs`."""

    def _get_train_description(self, current_epoch: int) -> str:
        limit = self.trainer.max_epochs
        text = f"Epoch {current_epoch + 1}" + (f"/{limit}" if limit and limit > 0 else "")
        return text.ljust(len(self.validation_description))  # keeps the bars aligned
