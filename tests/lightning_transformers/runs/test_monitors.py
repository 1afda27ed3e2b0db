"""The mode of a monitored metric follows from the metric, or from its name."""

from pathlib import Path

import pytest
from torchmetrics import MeanMetric, MeanSquaredError, Metric, R2Score

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.config.checks import check_config
from lightning_transformers.config.compose import compose
from lightning_transformers.runs.monitors import callbacks_with_modes
from lightning_transformers.training.metric_modes import mode_of

STOPPING = "callbacks=[default,early_stopping]"
METRICS: dict[str, Metric] = {
    "val/accuracy": MeanSquaredError(),
    "val/agreement": R2Score(),
    "val/mean_loss": MeanMetric(),
}
CONFLICTS = (
    ("callbacks.checkpoint.monitor=val/loss",),
    ("scheduler=reduce_on_plateau", "scheduler.monitor=val/f1"),
    (STOPPING, "callbacks.early_stopping.monitor=val/loss"),
)


@pytest.mark.parametrize(
    ("metric", "mode"),
    [
        *((f"val/{name}", "min") for name in ("loss", "perplexity", "word_error", "cer")),
        *((f"val/{name}", "max") for name in ("f1", "f1_macro", "matthews", "rougeLsum")),
        *((f"val/{name}", "max") for name in ("bleu", "exact_match", "entity_f1", "chrf")),
        ("train/loss", "min"),
        ("val/accuracy", "min"),
        ("val/agreement", "max"),
        ("val/mean_loss", "min"),
    ],
)
def test_a_known_metric_has_a_mode(metric: str, mode: str) -> None:
    config = compose([f"callbacks.checkpoint.monitor={metric}", STOPPING])
    chosen = callbacks_with_modes(config, METRICS)
    assert chosen.checkpoint.mode == mode
    assert chosen.early_stopping.mode == "min", "that of val/loss"


def test_a_mode_of_the_config_is_kept_for_the_check() -> None:
    typed = ("callbacks.checkpoint.monitor=val/accuracy", "callbacks.checkpoint.mode=max")
    assert callbacks_with_modes(compose([*typed]), METRICS).checkpoint.mode == "max"


@pytest.mark.parametrize("metric", ["val/mine", "val/loss_accuracy"])
def test_an_unknown_mode_is_asked_for(metric: str) -> None:
    with pytest.raises(ConfigurationError, match=r"set callbacks\.x\.mode=min or max"):
        mode_of(metric, "callbacks.x", METRICS)


def test_a_misspelled_metric_without_a_mode() -> None:
    with pytest.raises(ConfigurationError, match="did you mean 'val/agreement'"):
        mode_of("val/agrement", "callbacks.x", METRICS)


@pytest.mark.parametrize(
    ("task", "select"),
    [("nlp/text_classification", "val/f1_macro"), ("nlp/summarization", "val/rouge1")],
)
def test_one_key_selects_for_all(task: str, select: str, tmp_path: Path) -> None:
    plain = (f"task={task}", "dataset.dataset_name=sample", f"training.run_dir={tmp_path}")
    words = [*plain, STOPPING, "scheduler=reduce_on_plateau", f"training.select={select}"]
    config = compose(words)
    check_config(config)
    chosen = callbacks_with_modes(config, {})
    for each in (chosen.checkpoint, chosen.early_stopping):
        assert (each.monitor, each.mode) == (select, "max")
    assert config.task.scheduler.monitor == select
    for conflict in CONFLICTS:
        with pytest.raises(ConfigurationError, match=f"differs from training.select={select}: re"):
            check_config(compose([*words, *conflict]))
    check_config(compose([*plain, "callbacks.checkpoint.monitor=val/f1"]))
