"""The mode of callbacks that monitor a metric, where the config leaves it open (`mode: auto`)."""

import re

from omegaconf import DictConfig

from lightning_transformers.base.errors import ConfigurationError

AUTO = "auto"
MODES = {
    "min": r"loss|perplexity|error|mae|mse|rmse|wer|cer|nll|entropy|distance",
    "max": r"accuracy|acc|f1|precision|recall|specificity|matthews|mcc|kappa|auc|auroc|auprc|iou|"
    r"rouge(1|2|l|lsum)?|bleu|chrf|exact|pearson|spearman|r2|score",
}
"""Patterns of the words of a metric's name, by the mode of the metric."""


def with_modes(callbacks: DictConfig) -> DictConfig:
    """Return the callbacks of a config with `mode: auto` replaced by the mode of their metric.

    Args:
        callbacks: the config group `callbacks`.

    Raises:
        ConfigurationError: if the mode does not follow from the name of the metric.
    """
    chosen: DictConfig = callbacks.copy()
    for name in map(str, chosen):
        callback = chosen[name]
        if callback.get("mode") == AUTO and callback.get("monitor"):
            callback["mode"] = mode_of(callback["monitor"], f"callbacks.{name}")
    return chosen


def mode_of(metric: str, place: str) -> str:
    """Return `min` if lower values of a metric are better, `max` if higher ones are.

    Args:
        metric: its name, such as `val/f1_macro`.
        place: the key of the callback, for the message.

    Raises:
        ConfigurationError: if the name says neither.
    """
    words = re.split(r"[^a-z0-9]+", metric.lower())
    found = {mode for mode, names in MODES.items() for w in words if re.fullmatch(names, w)}
    if len(found) != 1:
        raise ConfigurationError(
            f"{place}.monitor={metric}: the name does not say whether higher values are better: "
            f"set {place}.mode=min or max"
        )
    return found.pop()
