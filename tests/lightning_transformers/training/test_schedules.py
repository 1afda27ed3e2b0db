"""The arguments of learning-rate schedules."""

from types import SimpleNamespace
from typing import Any

import pytest
from pytorch_lightning import Trainer

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.training.schedules import check_validation_interval, schedule_arguments
from tests.helpers.tiny import QUIET


@pytest.mark.parametrize(
    ("config", "warmup", "asked"),
    [
        ({"num_training_steps": 200, "num_warmup_steps": 0.1}, 20, 0),
        ({"num_training_steps": -1, "num_warmup_steps": 0.1}, 5, 1),
        ({"num_warmup_steps": 0.1}, 5, 1),
        ({"num_training_steps": 200, "num_warmup_steps": 7}, 7, 0),
    ],
)
def test_the_length_of_the_fit_is_asked_for_only_if_needed(
    config: dict[str, Any], warmup: int, asked: int
) -> None:
    """The length of a stream is unknown: asking for it would be an error."""
    calls: list[int] = []

    def steps() -> int:
        calls.append(50)
        return 50

    assert schedule_arguments(config, steps)["num_warmup_steps"] == warmup
    assert len(calls) == asked


@pytest.mark.parametrize(
    ("interval", "each", "batches", "is_reached"),
    [
        (5, 1, 5, True),
        (6, 1, 5, False),
        (6, None, 5, True),
        (6, 1, None, True),
        (1.0, 1, 5, True),
    ],
)
def test_a_validation_interval_beyond_the_epoch_is_one_line(
    interval: float, each: int | None, batches: int | None, is_reached: bool
) -> None:
    trainer = Trainer(val_check_interval=interval, check_val_every_n_epoch=each, **QUIET)
    data = SimpleNamespace(num_train_batches=lambda: batches)
    trainer.datamodule = data  # type: ignore[attr-defined]
    if is_reached:
        check_validation_interval(trainer)
        return
    line = r"^trainer\.val_check_interval=6 exceeds the 5 batches of an epoch: set at most 5, or "
    with pytest.raises(ConfigurationError, match=line):
        check_validation_interval(trainer)
