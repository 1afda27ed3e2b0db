"""A step on several batches is the step on all their rows at once."""

from functools import cache

import pytest
from torch import Tensor

from tests.rendered import BASES, suitable
from tests.runtime.weighting_runs import (
    PARTS,
    parts_of,
    relative_error,
    task_and_batch,
    update,
)

CHANGE_THE_LOSS = {"adversarial", "auxiliary_loss", "custom_loss", "label_smoothing", "r_drop"}
BOUND = {"64-true": 1e-6, "32-true": 1e-5}


@cache
def update_of(
    base: str, batches: int, precision: str, *recipes: str, plain: bool = False
) -> Tensor:
    task, batch = task_and_batch(base, *recipes, plain=plain)
    return update(task, parts_of(batch, batches), precision=precision)


@pytest.mark.parametrize("precision", BOUND)
@pytest.mark.parametrize("base", BASES)
def test_parts_of_a_batch_give_its_update(base: str, precision: str) -> None:
    whole = update_of(base, 1, precision)
    for batches in PARTS:
        error = relative_error(update_of(base, batches, precision), whole)
        assert error < BOUND[precision], f"{batches} batches: {error}"


@pytest.mark.parametrize("base", BASES)
def test_plain_lightning_gives_another_update(base: str) -> None:
    whole = update_of(base, 1, "64-true")
    apart = relative_error(update_of(base, 4, "64-true", plain=True), whole)
    assert not apart < 0.05  # nan, where a batch has no label


@pytest.mark.parametrize("base", BASES)
def test_recipes_that_change_the_loss_are_weighed_too(base: str) -> None:
    recipes = sorted(CHANGE_THE_LOSS & set(suitable(base)))
    whole = update_of(base, 1, "64-true", *recipes)
    assert relative_error(whole, update_of(base, 1, "64-true")) > 0.01
    assert relative_error(update_of(base, 4, "64-true", *recipes), whole) < 1e-6
