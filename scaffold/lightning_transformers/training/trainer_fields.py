"""Types of public `Trainer` attributes that Lightning does not declare."""

from typing import Any, Protocol, cast

from pytorch_lightning import Callback, Trainer


class TrainerFields(Protocol):
    """Attributes of `Trainer` that `mypy` does not find."""

    callbacks: list[Callback]
    datamodule: Any
    """The data module, of any class, or None."""
    fast_dev_run: bool | int
    log_every_n_steps: int
    overfit_batches: int | float


def fields(trainer: Trainer) -> TrainerFields:
    """Cast a trainer to `TrainerFields`."""
    return cast(TrainerFields, trainer)
