"""The wrappers of the methods that `TaskTransformer` wraps in every subclass."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from pytorch_lightning import Callback

from lightning_transformers.core.data import TransformerDataModule
from lightning_transformers.core.exactness_callback import ExactnessCallback
from lightning_transformers.core.keys.freezing import FrozenStart
from lightning_transformers.core.keys.losses import LossKeysCallback
from lightning_transformers.training.loss_normalization import records_loss_count
from lightning_transformers.training.trainer_fields import fields


def attach_first(configure: Callable[[Any], list[Callback]]) -> Callable[[Any], list[Callback]]:
    """Wrap `configure_callbacks` to attach the task to its trainer and data module first."""

    @wraps(configure)
    def attach_and_configure(task: Any) -> list[Callback]:
        data = fields(task.trainer).datamodule
        required: tuple[type[Callback], ...] = ()
        if isinstance(data, TransformerDataModule):
            task.attach_data(data)
            required = data.required_callbacks
        if task.freezing.freeze_epochs:
            required = (FrozenStart, *required)
        if task.loss_keys.given:
            required = (LossKeysCallback, *required)
        ExactnessCallback.attach(task.trainer, task, *required)
        return configure(task)

    attach_and_configure.is_wrapped = True  # type: ignore[attr-defined]
    return attach_and_configure


WRAPPED_METHODS: dict[str, Callable[[Any], Any]] = {
    "compute_loss": records_loss_count,
    "shared_step": records_loss_count,
    "configure_callbacks": attach_first,
}
"""Wrappers by method; they see every override, also one without `super()`."""
