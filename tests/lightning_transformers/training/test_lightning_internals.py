"""The installed Lightning has the private attributes that the runtime uses."""

import inspect
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from lightning_fabric.plugins import TorchCheckpointIO
from lightning_fabric.strategies.launchers.subprocess_script import _ChildProcessObserver
from pytorch_lightning import Callback, Trainer, __version__
from pytorch_lightning.callbacks import RichProgressBar
from pytorch_lightning.core import saving
from pytorch_lightning.loops.fit_loop import RestartStage
from pytorch_lightning.plugins.io import AsyncCheckpointIO
from pytorch_lightning.profilers import Profiler
from pytorch_lightning.trainer.connectors.signal_connector import _SignalConnector

from lightning_transformers.training.checkpoint_io import SafeCheckpointIO
from lightning_transformers.training.lightning_internals import STEP_HOOKS, replace_checkpoint_io
from tests.helpers.language_modeling import model, sample
from tests.helpers.language_modeling import trainer as quiet


def test_private_parts_of_lightning_are_there(tmp_path: Path) -> None:
    trainer = Trainer(default_root_dir=tmp_path, logger=False, accelerator="cpu")
    fit, epoch = trainer.fit_loop, trainer.fit_loop.epoch_loop
    observer = inspect.getsource(_ChildProcessObserver)
    parts = {
        "trainer.fit_loop._should_accumulate": hasattr(fit, "_should_accumulate"),
        "trainer.fit_loop._data_fetcher": hasattr(fit, "_data_fetcher"),
        "trainer.fit_loop._iteration_based_training": hasattr(fit, "_iteration_based_training"),
        "trainer.fit_loop._restart_stage": hasattr(fit, "_restart_stage"),
        "trainer.fit_loop._restarting": hasattr(fit, "_restarting"),
        "epoch_loop._should_check_val_fx": hasattr(epoch, "_should_check_val_fx"),
        "epoch_loop._should_accumulate": hasattr(epoch, "_should_accumulate"),
        "epoch_loop.state_dict()['_batches_that_stepped']": (
            "_batches_that_stepped" in epoch.on_save_checkpoint()
        ),
        "epoch_loop._batches_that_stepped": hasattr(epoch, "_batches_that_stepped"),
        "epoch_loop._num_ready_batches_reached": hasattr(epoch, "_num_ready_batches_reached"),
        "trainer._logger_connector.metrics": hasattr(type(trainer._logger_connector), "metrics"),
        "trainer._logger_connector.should_update_logs": hasattr(
            type(trainer._logger_connector), "should_update_logs"
        ),
        "RestartStage.RESUMED_ON_EPOCH_END": hasattr(RestartStage, "RESUMED_ON_EPOCH_END"),
        "trainer._logger_connector._callback_metrics": isinstance(
            trainer._logger_connector._callback_metrics, dict
        ),
        "trainer._signal_connector": type(trainer._signal_connector) is _SignalConnector,
        "_SignalConnector._sigterm_notifier_fn": hasattr(_SignalConnector, "_sigterm_notifier_fn"),
        "_SignalConnector.received_sigterm": "received_sigterm" in vars(trainer._signal_connector),
        "AsyncCheckpointIO._checkpoint_io": "_checkpoint_io" in vars(AsyncCheckpointIO()),
        "RichProgressBar._get_train_description": hasattr(
            RichProgressBar, "_get_train_description"
        ),
        "RichProgressBar._init_progress": hasattr(RichProgressBar, "_init_progress"),
        "RichProgressBar._stop_progress": hasattr(RichProgressBar, "_stop_progress"),
        "RichProgressBar._progress_stopped": "_progress_stopped" in vars(RichProgressBar()),
        "_ChildProcessObserver._child_processes": "self._child_processes" in observer,
        "_ChildProcessObserver's name": "child-process-observer" in observer,
    }
    parts["core.saving._load_state"] = {"cls", "checkpoint"} <= {
        *inspect.signature(saving._load_state).parameters
    }
    missing = [name for name, is_there in parts.items() if not is_there]
    assert not missing, (
        f"Lightning {__version__} has no {', '.join(missing)}: see where "
        "training/lightning_internals.py or config/launcher.py use it"
    )


@pytest.mark.parametrize("in_thread", [False, True])
def test_a_checkpoint_io_of_the_users_own_stays(in_thread: bool, tmp_path: Path) -> None:
    class Own(TorchCheckpointIO):
        """A user's checkpoint plugin."""

    for inner, expected in ((TorchCheckpointIO(), SafeCheckpointIO), (Own(), Own)):
        plugin = AsyncCheckpointIO(inner) if in_thread else inner
        trainer = Trainer(default_root_dir=tmp_path, logger=False, plugins=[plugin])
        replace_checkpoint_io(trainer, SafeCheckpointIO())
        used = trainer.strategy.checkpoint_io
        assert type(getattr(used, "checkpoint_io", used)) is expected


class Calls(Profiler):
    """Records the names of what Lightning calls."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def start(self, action_name: str) -> None:
        """Record a call."""
        self.names.append(action_name)

    def stop(self, action_name: str) -> None:
        """Ignore the end."""


class Ends(Callback):
    """Has one hook of a step, and may fail there."""

    fails = False

    def on_train_batch_end(self, trainer: Trainer, *arguments: Any) -> None:
        """Call the hook of the base class."""
        super().on_train_batch_end(trainer, *arguments)
        if self.fails:
            raise RuntimeError("ended")


@pytest.mark.parametrize("fails", [False, True])
def test_hooks_that_do_nothing_are_not_called_in_a_fit(fails: bool, tmp_path: Path) -> None:
    calls, ends, empty = Calls(), Ends(), Callback()
    run = quiet(tmp_path, max_steps=2, limit_val_batches=0, profiler=calls, callbacks=[ends, empty])
    ends.fails = fails
    with pytest.raises(RuntimeError, match="ended") if fails else nullcontext():
        run.fit(model(), datamodule=sample())
    called = {
        name for name in calls.names if name.startswith(("[Callback]Ends", "[Callback]Callback"))
    }
    hooks = {name.rpartition(".")[2]: name for name in called if name.endswith(STEP_HOOKS)}
    assert hooks == {"on_train_batch_end": "[Callback]Ends.on_train_batch_end"}
    assert {"on_train_start", "on_train_epoch_start"} <= {n.rpartition(".")[2] for n in called}
    assert all(callable(getattr(each, name)) for each in (ends, empty) for name in STEP_HOOKS)
