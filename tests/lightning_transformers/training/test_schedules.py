"""The arguments of learning-rate schedules."""

from typing import Any

import pytest

from lightning_transformers.training.schedules import schedule_arguments


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
