"""Number of optimizer steps of a fit, and arguments of learning-rate schedules."""

import math
from collections.abc import Callable
from functools import partial
from typing import Literal

from pydantic import NonNegativeFloat, NonNegativeInt, PositiveInt
from pytorch_lightning import Trainer
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, ReduceLROnPlateau

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.base.types import Settings
from lightning_transformers.training.formulas import FORMULAS
from lightning_transformers.training.trainer_fields import fields


def training_steps(trainer: Trainer) -> int:
    """Return the number of optimizer steps of the fit.

    Computed from lengths: `trainer.estimated_stepping_batches` would create the dataloaders
    early, which changes the order of samples in a resumed run.

    Args:
        trainer: the trainer, with its data module attached.

    Raises:
        ConfigurationError: if the length of the fit is unknown.
    """
    data = fields(trainer).datamodule
    if data is None:
        return int(trainer.estimated_stepping_batches)
    limits = [trainer.max_steps] if trainer.max_steps >= 0 else []
    batches, epochs = data.num_train_batches(), trainer.max_epochs
    if batches is not None and epochs is not None and epochs >= 0:
        limits.append(math.ceil(batches / trainer.accumulate_grad_batches) * epochs)
    if not limits:
        reason = (
            "a streaming dataset has no known length"
            if batches is None
            else f"trainer.max_epochs={epochs} sets no limit"
        )
        raise ConfigurationError(
            f"the schedule needs the number of steps, but {reason}: set trainer.max_steps=<number>"
        )
    return min(limits)


def check_validation_interval(trainer: Trainer) -> None:
    """Check that `val_check_interval` is reached within an epoch.

    Args:
        trainer: the trainer, with its data module attached and set up.

    Raises:
        ConfigurationError: if it is a number of batches that no epoch has.
    """
    data, interval = fields(trainer).datamodule, trainer.val_check_interval
    counts_per_epoch = trainer.check_val_every_n_epoch is not None and trainer.limit_val_batches
    if data is None or not counts_per_epoch or not isinstance(interval, int):
        return
    batches = data.num_train_batches()
    if batches is not None and interval > batches:
        raise ConfigurationError(
            f"trainer.val_check_interval={interval} exceeds the {batches} batches of an epoch: set "
            f"at most {batches}, or trainer.check_val_every_n_epoch=null to count on across epochs"
        )


def schedule_arguments(
    config: Settings, steps: Callable[[], int], formulas: int = FORMULAS
) -> Settings:
    """Return the config of a schedule with all lengths in optimizer steps.

    Args:
        config: the schedule's config. `num_training_steps: -1` means all steps of the fit; a
            float below 1.0 for `num_warmup_steps` is a fraction of `num_training_steps`, or of all
            steps of the fit for a schedule without it, rounded up as in transformers.
        steps: returns the number of steps of the fit; called only if needed.
        formulas: version of the run's formulas.
    """
    arguments = dict(config)
    if arguments.get("num_training_steps") == -1:
        arguments["num_training_steps"] = steps()
    warmup = arguments.get("num_warmup_steps")
    if isinstance(warmup, float) and warmup < 1:
        whole = (formulas >= 2 and arguments.get("num_training_steps")) or steps()
        rounded = math.ceil if formulas >= 2 else round
        arguments["num_warmup_steps"] = rounded(warmup * whole)
    return arguments


def linear_schedule_with_warmup(
    optimizer: Optimizer,
    num_warmup_steps: NonNegativeInt | NonNegativeFloat,
    num_training_steps: Literal[-1] | PositiveInt,
) -> LambdaLR:
    """Return the schedule of `transformers.get_linear_schedule_with_warmup`.

    The module of transformers also imports peft and bitsandbytes, which takes a second.

    Args:
        optimizer: the optimizer.
        num_warmup_steps: steps in which the learning rate rises from 0.
        num_training_steps: the step at which it is 0 again.

    In a config, both may be what `schedule_arguments` takes.
    """
    # A partial function, as in transformers: its state is part of checkpoints.
    factor = partial(warmup_and_decay, warmup=num_warmup_steps, steps=num_training_steps)
    return LambdaLR(optimizer, factor)


def warmup_and_decay(step: int, *, warmup: float, steps: int) -> float:
    """Return the factor of the learning rate at a step: linear from 0 to 1, then to 0."""
    if step < warmup:
        return step / max(1, warmup)
    return max(0.0, (steps - step) / max(1, steps - warmup))


class ReduceOnPlateau(ReduceLROnPlateau):
    """Lower the learning rate whenever a metric has stopped improving, at the ends of epochs.

    Args:
        optimizer: the optimizer.
        monitor: logged metric.
        mode: whether lower (`min`) or higher values (`max`) are better.
        factor: factor by which the learning rate is multiplied, between 0 and 1.
        patience: epochs without improvement before that.
        threshold: minimum relative change that counts as an improvement.
        cooldown: epochs after a reduction that do not count.
        min_lr: lower limit of the learning rate.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        monitor: str = "val/loss",
        mode: Literal["min", "max", "auto"] = "min",
        factor: float = 0.1,
        patience: NonNegativeInt = 10,
        threshold: NonNegativeFloat = 1e-4,
        cooldown: NonNegativeInt = 0,
        min_lr: NonNegativeFloat = 0.0,
    ) -> None:
        further = {"threshold": threshold, "cooldown": cooldown, "min_lr": min_lr}
        super().__init__(optimizer, mode, factor, patience, **further)  # type: ignore[arg-type]
        self.monitor = monitor
