"""The arguments of learning-rate schedules."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from pytorch_lightning import Trainer
from transformers import get_linear_schedule_with_warmup

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.training.schedules import (
    check_validation_interval,
    linear_schedule_with_warmup,
    schedule_arguments,
)
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


@pytest.mark.parametrize("warmup", [0, 1, 3, 7])
def test_linear_schedule_is_that_of_transformers(warmup: int) -> None:
    """Equal to the bit, and so is the state: a checkpoint of one resumes with the other."""
    runs = []
    for build in (linear_schedule_with_warmup, get_linear_schedule_with_warmup):
        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.3)
        schedule = build(optimizer, warmup, 7)
        runs.append([schedule.state_dict()])
        for _ in range(9):
            optimizer.step()
            schedule.step()
            runs[-1].append(schedule.state_dict())
    assert runs[0] == runs[1]
