"""The mode of a monitored metric follows from its name."""

import pytest

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.config.compose import compose
from lightning_transformers.runs.monitors import mode_of, with_modes

STOPPING = "callbacks=[default,early_stopping]"


@pytest.mark.parametrize(
    ("metric", "mode"),
    [
        *((f"val/{name}", "min") for name in ("loss", "perplexity", "word_error", "cer")),
        *((f"val/{name}", "max") for name in ("accuracy", "f1_macro", "matthews", "rougeLsum")),
        *((f"val/{name}", "max") for name in ("bleu", "exact_match", "entity_f1", "chrf")),
        ("train/loss", "min"),
    ],
)
def test_a_known_metric_has_a_mode(metric: str, mode: str) -> None:
    config = compose([f"callbacks.checkpoint.monitor={metric}", STOPPING])
    chosen = with_modes(config.callbacks)
    assert chosen.checkpoint.mode == mode
    assert chosen.early_stopping.mode == "min", "that of val/loss"


def test_a_mode_of_the_config_counts() -> None:
    typed = ("callbacks.checkpoint.monitor=val/accuracy", "callbacks.checkpoint.mode=min")
    assert with_modes(compose([*typed]).callbacks).checkpoint.mode == "min"


@pytest.mark.parametrize("metric", ["val/mine", "val/loss_accuracy"])
def test_an_unknown_mode_is_asked_for(metric: str) -> None:
    with pytest.raises(ConfigurationError, match=r"set callbacks\.x\.mode=min or max"):
        mode_of(metric, "callbacks.x")
