"""How long a fit is in optimizer steps, and learning-rate schedules that depend on it."""

import math
from collections.abc import Callable, Mapping
from typing import Any

from pytorch_lightning import Trainer

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.training.trainer_fields import fields


def training_steps(trainer: Trainer) -> int:
    """Return how often the optimizer steps in the fit.

    It is worked out from lengths: `trainer.estimated_stepping_batches` would build the data
    loaders early, and a resumed run would then see its samples in another order.

    Raises:
        ConfigurationError: if the fit has no end that is known beforehand.
    """
    data = fields(trainer).datamodule
    if data is None:
        return int(trainer.estimated_stepping_batches)
    limits = [trainer.max_steps] if trainer.max_steps >= 0 else []
    batches, epochs = data.num_train_batches(), trainer.max_epochs
    if batches is not None and epochs is not None and epochs >= 0:
        limits.append(math.ceil(batches / trainer.accumulate_grad_batches) * epochs)
    if not limits:
        raise ConfigurationError(
            "the schedule needs the number of steps, and the fit has no end: set "
            "trainer.max_steps, trainer.max_epochs or scheduler.num_training_steps"
        )
    return min(limits)


def schedule_arguments(config: Mapping[str, Any], steps: Callable[[], int]) -> dict[str, Any]:
    """Return the config of a schedule in steps.

    Args:
        config: `num_training_steps: -1` stands for the steps of the fit, and a warm-up below 1
            for that share of them.
        steps: returns the steps of the fit; asked only where they are needed.
    """
    arguments = dict(config)
    if arguments.get("num_training_steps") == -1:
        arguments["num_training_steps"] = steps()
    warmup = arguments.get("num_warmup_steps")
    if isinstance(warmup, float) and warmup < 1:
        arguments["num_warmup_steps"] = round(warmup * steps())
    return arguments
