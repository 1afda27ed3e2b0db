"""The callback that checks monitored metrics before the first step of a fit."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.callbacks import Checkpoint, EarlyStopping
from pytorch_lightning.trainer.states import TrainerFn

from lightning_transformers.base.errors import ConfigurationError, suggestion
from lightning_transformers.training.metric_modes import mode_for
from lightning_transformers.training.trainer_fields import fields

IN_TRAINING = "train"
"""Start of the names of metrics that only training steps log."""
SKIP = "trainer.num_sanity_val_steps=0"


class Monitor(NamedTuple):
    """A callback or schedule that monitors a metric."""

    name: str
    """Its class."""
    metric: str
    mode: str | None
    """`min` or `max`; None for a callback without a direction."""
    tolerant: bool
    """Whether it ignores a missing metric."""


class MonitorCheck(Callback):
    """Checks the monitored metrics against those that a validation before the fit has logged.

    That is Lightning's sanity check of a few batches, which restores the global random states, or a
    whole validation of the untrained model. A resumed fit keeps its modes, whatever they are.
    """

    def __init__(self) -> None:
        self.logged: set[str] = set()
        self.directions: dict[str, bool] = {}

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Record whether higher values of the metrics are better; the task then resets them."""
        if trainer.sanity_checking or trainer.state.fn != TrainerFn.FITTING:
            metrics: Any = pl_module.metrics
            self.directions = metrics["val"].directions()

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Record the names of the logged metrics."""
        if trainer.sanity_checking or trainer.state.fn != TrainerFn.FITTING:
            self.logged = {*trainer.callback_metrics}

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Check each monitor.

        Raises:
            ConfigurationError: if a monitored metric is not logged, or if its `higher_is_better`
                contradicts the mode.
        """
        for monitor in monitors(trainer):
            if not trainer.enable_validation:
                self._require_training_metric(monitor)
            elif self.logged:
                self._check_name(monitor)
                if trainer.ckpt_path is None:
                    self._check_mode(monitor)

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Note in an exception of the sanity check how to omit the check."""
        if trainer.sanity_checking and not isinstance(exception, ConfigurationError):
            exception.add_note(f"Raised by the validation before the first step; {SKIP} omits it.")

    def _require_training_metric(self, monitor: Monitor) -> None:
        if not monitor.tolerant and not monitor.metric.startswith(IN_TRAINING):
            raise ConfigurationError(
                f"{monitor.name} monitors {monitor.metric}, but nothing is validated "
                "(trainer.limit_val_batches=0): remove it, or monitor train/loss"
            )

    def _check_name(self, monitor: Monitor) -> None:
        name, metric, _, tolerant = monitor
        known = {*self.logged, *self.directions}
        if metric not in known and not (tolerant or metric.startswith(IN_TRAINING)):
            raise ConfigurationError(
                f"{name} monitors {metric}, which the validation does not log"
                f"{suggestion(metric, known)}: it logs {', '.join(sorted(known))} ({SKIP} omits "
                "this check)"
            )

    def _check_mode(self, monitor: Monitor) -> None:
        name, metric, mode, _ = monitor
        higher = self.directions.get(metric)
        if mode and higher is not None and mode != mode_for(higher):
            raise ConfigurationError(
                f"{name} monitors {metric} with mode={mode}, but {'higher' if higher else 'lower'} "
                f"values are better: set mode={mode_for(higher)}"
            )


def monitors(trainer: Trainer) -> Iterator[Monitor]:
    """Yield the callbacks and schedules of a trainer that monitor a metric."""
    for callback in fields(trainer).callbacks:
        if isinstance(callback, Checkpoint | EarlyStopping) and vars(callback).get("monitor"):
            found = vars(callback)
            # Without validation, Lightning's checkpoints only warn; EarlyStopping has `strict`.
            tolerant = not found.get("strict", trainer.enable_validation)
            yield Monitor(type(callback).__name__, found["monitor"], found.get("mode"), tolerant)
    for schedule in trainer.lr_scheduler_configs:
        if schedule.reduce_on_plateau:
            mode = getattr(schedule.scheduler, "mode", None)
            yield Monitor(type(schedule.scheduler).__name__, str(schedule.monitor), mode, False)
