"""Whether lower or higher values of a metric are better."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from lightning_transformers.base.errors import ConfigurationError, suggestion

if TYPE_CHECKING:
    from torchmetrics import Metric

AUTO = "auto"
MODES = {
    "min": r"loss|perplexity|error|mae|mse|rmse|wer|cer|nll|entropy|distance",
    "max": r"accuracy|acc|f1|precision|recall|specificity|matthews|mcc|kappa|auc|auroc|auprc|iou|"
    r"rouge(1|2|l|lsum)?|bleu|chrf|exact|pearson|spearman|r2|score",
}
"""Patterns of the words of a metric's name, by the mode of the metric."""


def mode_of(name: str, place: str, metrics: Mapping[str, Metric]) -> str:
    """Return `min` if lower values of a metric are better, `max` if higher ones are.

    It follows from `higher_is_better` of torchmetrics; for a metric without it from its name.

    Args:
        name: the name under which it is logged, such as `val/f1_macro`.
        place: the config that monitors it, such as `callbacks.checkpoint`, for the message.
        metrics: metrics by the name under which they are logged.

    Raises:
        ConfigurationError: if neither the metric nor its name says it.
    """
    if name in metrics and (stated := metrics[name].higher_is_better) is not None:
        return mode_for(stated)
    words = re.split(r"[^a-z0-9]+", name.lower())
    found = {mode for mode, names in MODES.items() for w in words if re.fullmatch(names, w)}
    if len(found) != 1:
        raise ConfigurationError(
            f"{place}.monitor={name}: neither the metric nor its name says whether higher values "
            f"are better{suggestion(name, metrics.keys() - {name})}: set {place}.mode=min or max"
        )
    return found.pop()


def mode_for(higher_is_better: bool) -> str:
    """Return `max` or `min`."""
    return "max" if higher_is_better else "min"
