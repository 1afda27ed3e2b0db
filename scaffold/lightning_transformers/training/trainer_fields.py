"""Public attributes of a trainer that Lightning sets without declaring them, with their types."""

from typing import Any, Protocol, cast

from pytorch_lightning import Callback, Trainer


class TrainerFields(Protocol):
    """What `mypy` does not find in `Trainer`."""

    callbacks: list[Callback]
    datamodule: Any
    """The data module of any class, or None."""
    fast_dev_run: bool | int
    log_every_n_steps: int
    overfit_batches: int | float


def fields(trainer: Trainer) -> TrainerFields:
    """Return the trainer, of the type that has these attributes."""
    return cast(TrainerFields, trainer)
