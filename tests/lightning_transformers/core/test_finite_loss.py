"""Steps in a row without a finite loss are counted over batches and ranks."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from lightning_transformers.core.finite_loss import FiniteLoss, Place

NAN = float("nan")


def guard_after(losses: list[list[tuple[int, float]]]) -> FiniteLoss:
    """Return the callback after batches of one or more ranks, each with its step and loss."""
    guard = FiniteLoss(3, lambda place, rank: f"rows of rank {rank}", lambda: "none is saved")
    guard.unread = [
        (Place(step, 0, number), torch.tensor(loss))
        for number, (step, loss) in enumerate(losses[0])
    ]
    values = torch.tensor([[loss for _, loss in rank] for rank in losses])
    strategy = SimpleNamespace(all_gather=lambda _: values)
    run: Any = SimpleNamespace(world_size=len(losses), strategy=strategy)
    guard.read(run)
    return guard


@pytest.mark.parametrize(
    ("losses", "bad"),
    [
        ([(0, 1.0), (1, NAN), (2, NAN)], [1, 2]),
        ([(0, NAN), (1, 1.0), (2, NAN)], [2]),
        ([(0, 1.0), (0, NAN), (0, 2.0), (1, float("inf"))], [0, 1]),
        ([(0, NAN), (1, 2.0)], []),
    ],
)
def test_only_steps_in_a_row_count(losses: list[tuple[int, float]], bad: list[int]) -> None:
    assert [*guard_after([losses]).bad] == bad


def test_the_first_rank_with_a_bad_loss_is_named() -> None:
    guard = guard_after([[(0, 1.0), (1, 1.0)], [(0, 1.0), (1, NAN)]])
    run: Any = SimpleNamespace(world_size=2, global_step=2)
    line = str(guard.error(run))
    assert line.startswith(
        "the loss is nan from step 2 on (batch 1 of epoch 0 on rank 1), 1 step(s) in a row; its "
        "rows: rows of rank 1; none is saved: correct these rows"
    )
