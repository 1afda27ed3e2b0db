"""The private parts of Lightning that the runtime touches, but for those of its process launcher.

Lightning has no public way to do these things. A test names each part, so that a version of
Lightning without it is found when it is tried.
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
    """Tell whether the optimizer has more batches to wait for before it steps."""
    return trainer.fit_loop._should_accumulate()


def restore_logged_metrics(trainer: Trainer, metrics: Mapping[str, Tensor]) -> None:
    """Set metrics by which callbacks and schedules decide, as if they had just been logged."""
    trainer._logger_connector._callback_metrics.update(metrics)


def replace_checkpoint_io(trainer: Trainer, new: CheckpointIO) -> None:
    """Have checkpoints written by `new` instead of torch; another plugin of the user's stays."""
    writer = trainer.strategy.checkpoint_io
    if type(writer) is TorchCheckpointIO:
        trainer.strategy.checkpoint_io = new
    if type(getattr(writer, "checkpoint_io", None)) is TorchCheckpointIO:  # writes in a thread
        writer._checkpoint_io = new  # type: ignore[attr-defined]


def advance_progress(trainer: Trainer, loops: Checkpoint) -> None:
    """Have a resumed run do what was due after the batch that a checkpoint was written behind.

    From a checkpoint that is written in `on_train_batch_end`, Lightning resumes with the next
    batch: it leaves out a validation that was due, and after the last batch of an epoch the hooks
    of its end and those of the next one's start.

    Args:
        trainer: the trainer, in the fit.
        loops: the state of its loops as it goes into the checkpoint; changed in place.
    """
    loop = trainer.fit_loop.epoch_loop
    total = loop.batch_progress.total
    if total.completed == total.processed:  # type: ignore[attr-defined]
        return  # the hook has passed
    fetcher = trainer.fit_loop._data_fetcher
    validates = fetcher is not None and loop._should_check_val_fx(fetcher)
    if not validates and not loop.batch_progress.is_last_batch:
        return
    state = loops["fit_loop"]
    for count in ("total", "current"):
        state["epoch_loop.batch_progress"][count]["completed"] += 1
    if validates:  # as if it had begun
        begun = {"ready": 1, "started": 1, "processed": 0, "completed": 0}
        state["epoch_loop.val_loop.batch_progress"]["total"] = begun
    elif not loop._should_accumulate():
        state["epoch_loop.state_dict"]["_batches_that_stepped"] += 1


def finish_epoch(trainer: Trainer) -> None:
    """Have a run that is resumed from the end of an epoch continue with the next one.

    With `max_steps` alone, Lightning would run another end of the epoch, without batches.
    """
    loop = trainer.fit_loop
    if loop.restarted_on_epoch_end and loop._iteration_based_training():
        loop.epoch_progress.increment_completed()
        loop._restart_stage = RestartStage.RESUMED_ON_EPOCH_END
        loop._restarting = loop.epoch_loop.restarting = False


def end_restart(trainer: Trainer) -> None:
    """Have the end of a resumed epoch step the schedules that look at metrics.

    Lightning leaves them out, since it does not keep the metrics.
    """
    trainer.fit_loop._restarting = False


class AgreedSIGTERM(_SignalConnector):
    """Records SIGTERM, and tells Lightning once all processes know of it.

    Lightning's own handler broadcasts, wherever the process is: during another collective
    operation it mixes with that or waits forever, and a signal that only another process than the
    first receives is lost. Here the processes ask each other at the end of a step, so that all of
    them stop after the same one.

    Args:
        trainer: the trainer, whose handler it replaces.
    """

    def __init__(self, trainer: Trainer) -> None:
        super().__init__(trainer)
        self.noted = False
        trainer._signal_connector = self

    def _sigterm_notifier_fn(self, signum: object, _: FrameType | None) -> None:
        self.noted = True

    def agree(self, due: bool = False) -> bool:
        """Have Lightning end the run at its next look, if any process is to end.

        With several processes this costs one sum of two numbers: less than Lightning's
        `reduce_boolean_decision`, which waits for all of them before it sums.

        Args:
            due: something else that this process wants all processes to do.

        Returns:
            Whether any process wants it.
        """
        wanted = [self.noted, due]
        if self.trainer.world_size > 1:
            device = self.trainer.strategy.root_device
            votes = torch.tensor(wanted, dtype=torch.int32, device=device)
            distributed.all_reduce(votes)
            wanted = [bool(vote) for vote in votes.tolist()]
        self.received_sigterm, anyone = wanted
        return anyone

    def postpone(self) -> None:
        """Have Lightning continue until the processes agree again."""
        self.received_sigterm = False


class ProgressBar(RichProgressBar):
    """The progress bar of Lightning; it counts epochs from 1, as `trainer.max_epochs` does."""

    def _get_train_description(self, current_epoch: int) -> str:
        limit = self.trainer.max_epochs
        text = f"Epoch {current_epoch + 1}" + (f"/{limit}" if limit and limit > 0 else "")
        return text.ljust(len(self.validation_description))  # the bars below each other do not jump
