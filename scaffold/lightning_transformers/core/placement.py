"""A module whose model may lie on several devices, as `backbone.device_map` places it."""

from collections.abc import Callable
from typing import Any, Self

from pytorch_lightning import LightningModule

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.models.backbone import Backbone


class PlacedModule(LightningModule):
    """A module that the trainer does not move if its model lies on several devices."""

    backbone: Backbone
    model: Any

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """Move the module, unless its model lies on several devices.

        Args:
            args: as of `torch.nn.Module.to`.
            kwargs: as of `torch.nn.Module.to`.

        Raises:
            ConfigurationError: if `backbone.device_map` is set and there are several processes.
        """
        processes = self._trainer.world_size if self._trainer else 1
        if self.backbone.device_map is not None and processes > 1:
            raise ConfigurationError(
                "backbone.device_map spreads one model over the devices of one process, and there "
                f"are {processes} processes: set trainer.devices=1, or omit backbone.device_map"
            )
        return self._without_model(super().to, *args, **kwargs)

    def cpu(self) -> Self:
        """Move the module to the CPU, as a trainer does at its end; see `to`."""
        return self._without_model(super().cpu)

    def _without_model(self, move: Callable[..., Self], *args: Any, **kwargs: Any) -> Self:
        """Move the module; of one whose model lies on several devices the rest, such as metrics."""
        model = self.model
        if not self.is_spread:
            return move(*args, **kwargs)
        self._modules["model"] = None
        try:
            return move(*args, **kwargs)
        finally:
            self._modules["model"] = model

    @property
    def is_spread(self) -> bool:
        """Whether the model lies on several devices."""
        return len({*getattr(self.model, "hf_device_map", {}).values()}) > 1
