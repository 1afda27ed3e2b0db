"""The mode of callbacks that monitor a metric, where the config leaves it open (`mode: auto`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from omegaconf import DictConfig

from lightning_transformers.training.metric_modes import AUTO, mode_of

if TYPE_CHECKING:
    from torchmetrics import Metric


def callbacks_with_modes(config: DictConfig, metrics: Mapping[str, Metric]) -> DictConfig:
    """Return the callbacks of a config with `mode: auto` replaced by the mode of their metric.

    Args:
        config: the composed config.
        metrics: metrics of the validation by the name under which they are logged.

    Raises:
        ConfigurationError: if a mode follows neither from the metric nor from its name.
    """
    chosen: DictConfig = config.callbacks.copy()
    for name in map(str, chosen):
        callback = chosen[name]
        if callback.get("mode") == AUTO and callback.get("monitor"):
            callback["mode"] = mode_of(callback["monitor"], f"callbacks.{name}", metrics)
    return chosen
