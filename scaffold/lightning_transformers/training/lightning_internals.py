"""Access to private attributes of Lightning, except those of its process launcher.

Lightning has no public API for these. A test names each attribute, so that an incompatible
version of Lightning fails there.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from types import FrameType
from typing import Any

import torch
from lightning_fabric.plugins import CheckpointIO, TorchCheckpointIO
from lightning_fabric.utilities.apply_func import convert_tensors_to_scalars
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.callbacks import RichProgressBar
from pytorch_lightning.callbacks.progress.rich_progress import RichProgressBarTheme
from pytorch_lightning.core.saving import _load_state
from pytorch_lightning.loops.fit_loop import RestartStage
from pytorch_lightning.trainer.connectors.signal_connector import _SignalConnector
from rich import get_console
from torch import Tensor, distributed

from lightning_transformers.base.types import Checkpoint

STEP_HOOKS = (
    "on_train_batch_start",
    "on_before_backward",
    "on_after_backward",
    "on_before_optimizer_step",
    "on_before_zero_grad",
    "on_train_batch_end",
)
"""The hooks that Lightning calls on each callback in each step."""
THEME = RichProgressBarTheme()


def disable_empty_hooks(callbacks: Iterable[Callback]) -> None:
    """Let Lightning not call the hooks of a step that callbacks inherit from `Callback`.

    They do nothing, but each call takes 4 µs, mostly for the profiler. Lightning calls what is
    callable.
    """
    for callback in callbacks:
        for name in STEP_HOOKS:
            if getattr(type(callback), name) is getattr(Callback, name):
                vars(callback).setdefault(name, None)


def enable_hooks(callbacks: Iterable[Callback]) -> None:
    """Undo `disable_empty_hooks`."""
    for callback in callbacks:
        for name in STEP_HOOKS:
            if vars(callback).get(name, callback) is None:
                del vars(callback)[name]


def module_of(cls: type[LightningModule], content: Checkpoint) -> LightningModule:
    """Return a module built from a checkpoint that is read, as `load_from_checkpoint` builds it."""
    module: LightningModule = _load_state(cls, content)  # type: ignore[assignment]
    return module


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


def logging_step(trainer: Trainer) -> int:
    """Return the step under which Lightning logs the next row of a fit."""
    return trainer.fit_loop.epoch_loop._batches_that_stepped


def unlogged_row(trainer: Trainer) -> dict[str, float] | None:
    """Return the row that Lightning logs after `on_train_batch_end`, None at any other time.

    A run that resumes from a checkpoint written in that hook does not log it.
    """
    loop, connector = trainer.fit_loop.epoch_loop, trainer._logger_connector
    total = loop.batch_progress.total
    if total.completed == total.processed or not connector.should_update_logs:  # type: ignore[attr-defined]
        return None
    if loop._should_accumulate() and trainer.lightning_module.automatic_optimization:
        return None
    row: dict[str, float] = convert_tensors_to_scalars(connector.metrics["log"])
    return row | {"epoch": trainer.current_epoch} if row else None


def validate_at_epoch_end(trainer: Trainer) -> None:
    """Validate within `on_train_epoch_end`, and log the metrics at the last step of the epoch."""
    loop = trainer.fit_loop.epoch_loop
    loop._batches_that_stepped -= 1
    trainer.validating = True
    loop.val_loop.run()
    trainer.training = True
    loop._batches_that_stepped += 1


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
        reopen_epoch(trainer, loops)
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


def reopen_epoch(trainer: Trainer, loops: Checkpoint) -> None:
    """Let a run that is extended beyond `max_steps` continue within the epoch that these cut short.

    Args:
        trainer: the trainer, at the end of a fit, or else nothing changes.
        loops: the checkpoint's `loops`; changed in place.
    """
    epochs: Any = trainer.fit_loop.epoch_progress.current
    is_whole = trainer.fit_loop.epoch_loop._num_ready_batches_reached()
    if epochs.ready and epochs.completed == epochs.ready and not is_whole:
        for count in loops["fit_loop"]["epoch_progress"].values():
            count["processed"] -= 1
            count["completed"] -= 1


def finish_epoch(trainer: Trainer) -> None:
    """Let a run that resumes at or after the end of an epoch continue with the next one.

    Lightning would repeat the end of the epoch: with `max_steps` but no `max_epochs`, and after the
    end of a fit, that is in a run that is extended.
    """
    loop = trainer.fit_loop
    epochs: Any = loop.epoch_progress.total
    if loop.restarted_on_epoch_end and loop._iteration_based_training():
        loop.epoch_progress.increment_completed()
        loop._restart_stage = RestartStage.RESUMED_ON_EPOCH_END
        loop._restarting = loop.epoch_loop.restarting = False
    elif loop.restarting and epochs.completed == epochs.ready > 0:
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
        self.is_interrupt = False
        """Whether the signal was Ctrl-C."""
        self.is_training = False
        """Whether steps are trained, so that an interrupted run can be saved."""
        self.pid = os.getpid()
        trainer._signal_connector = self

    def handle_interrupts(self) -> None:
        """Handle Ctrl-C from now on, unless it is handled already; also in dataloader workers."""
        in_main = threading.current_thread() is threading.main_thread()
        if in_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, self.interrupt)

    @classmethod
    def release_interrupts(cls) -> None:
        """Undo `handle_interrupts` of any trainer."""
        handler = signal.getsignal(signal.SIGINT)
        if isinstance(getattr(handler, "__self__", None), cls):
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def interrupt(self, signum: int, _: FrameType | None) -> None:
        """Handle Ctrl-C as SIGTERM while steps are trained, but the second one at once.

        Raises:
            KeyboardInterrupt: for the second one, and before and after the training.
        """
        if os.getpid() != self.pid:  # a dataloader worker, which the trainer ends
            return
        if self.is_interrupt or not self.is_training:
            raise KeyboardInterrupt
        self.is_interrupt = self.received_here = True
        print("Ctrl-C: the run ends after this step and is saved; a second one ends it at once")

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
    """Lightning's progress bar with epochs counted from 1, as in `trainer.max_epochs`.

    Off where the output is neither a terminal nor a notebook. It stops when `breakpoint()` starts a
    debugger, and restarts once the debugger traces no more.

    Args:
        refresh_rate: how often it is drawn per second, which takes 2 ms; 0: never.
        leave: leave the bar of a finished epoch in the terminal.
        theme: the styles of its parts.
        console_kwargs: arguments of the `Console` of Rich.
    """

    def __init__(
        self,
        refresh_rate: int = 5,
        leave: bool = False,
        theme: RichProgressBarTheme = THEME,
        console_kwargs: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(refresh_rate, leave, theme, console_kwargs)
        self.due_at = 0.0

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Disable the bar without a terminal; stop it before `sys.breakpointhook` is called."""
        super().setup(trainer, pl_module, stage)
        if not (get_console().is_terminal or get_console().is_jupyter):
            self.disable()
        if self.is_enabled and not isinstance(sys.breakpointhook, _StoppingHook):
            sys.breakpointhook = _StoppingHook(self, sys.breakpointhook)

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Stop the bar, and restore `sys.breakpointhook`."""
        super().teardown(trainer, pl_module, stage)
        self._restore_hook()

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Stop the bar, and restore `sys.breakpointhook`."""
        super().on_exception(trainer, pl_module, exception)
        self._restore_hook()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Update the bar, and restart it after a debugger."""
        if self._progress_stopped and sys.gettrace() is None:
            self._init_progress(trainer)
        now = time.monotonic()
        if self.is_enabled and (now >= self.due_at or trainer.is_last_batch):
            self.due_at = now + 1 / self.refresh_rate
            super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Update the bar after the last step, which may be within an epoch."""
        done = trainer.fit_loop.epoch_loop.batch_progress.current.completed
        self._update(self.train_progress_bar_id, done)

    def _restore_hook(self) -> None:
        if isinstance(sys.breakpointhook, _StoppingHook):
            sys.breakpointhook = sys.breakpointhook.former

    def _get_train_description(self, current_epoch: int) -> str:
        limit = self.trainer.max_epochs
        text = f"Epoch {current_epoch + 1}" + (f"/{limit}" if limit and limit > 0 else "")
        return text.ljust(len(self.validation_description))  # keeps the bars aligned


class _StoppingHook:
    """A `sys.breakpointhook` that stops a bar, and is then replaced by the former hook.

    `__call__` is a property: a method would be the frame in which the debugger stops.
    """

    def __init__(self, bar: ProgressBar, former: Callable[..., Any]) -> None:
        self.bar, self.former = bar, former

    @property
    def __call__(self) -> Callable[..., Any]:
        """The former hook; the bar is stopped when it is looked up."""
        self.bar._stop_progress()
        return self.former
