"""The order of the training rows of an epoch."""

from typing import Protocol

import numpy as np
import torch

from lightning_transformers.base.seeding import seed_of
from lightning_transformers.data.sampling.permutation import Numbers, Permutation

WINDOW = 1000
"""Rows that an order computes at a time."""


class Order(Protocol):
    """A permutation of the rows."""

    def __getitem__(self, positions: slice, /) -> list[int]:
        """Return the rows at some positions, fewer if these end after the last one."""


def epoch_order(size: int, seed: int, epoch: int, formulas: int) -> Order:
    """Return the order of the rows in an epoch, equal on all ranks.

    Args:
        size: number of rows.
        seed: seed of the run.
        epoch: number of the epoch, from 0.
        formulas: version of the run's formulas, see `training.formulas`.
    """
    key = seed_of(seed, epoch)
    if formulas < 3:
        listed: list[int] = torch.randperm(
            size, generator=torch.Generator().manual_seed(key)
        ).tolist()
        return listed
    return ShuffledOrder(size, key)


class ShuffledOrder:
    """A random order, computed a window of rows at a time, in constant memory.

    Args:
        size: number of rows.
        key: the seed, from 0.
    """

    def __init__(self, size: int, key: int) -> None:
        self.size, self.window = size, WINDOW
        self.permutation = Permutation(size, key)
        self.computed: tuple[range, Numbers] = range(0), np.arange(0)

    def __getitem__(self, positions: slice, /) -> list[int]:
        """Return the rows at some positions, fewer if these end after the last one."""
        start, stop, step = positions.indices(self.size)
        numbers = range(start // self.window, -(-stop // self.window))
        if self.computed[0] != numbers:
            self.computed = numbers, np.concatenate([*map(self._rows, numbers), np.arange(0)])
        first = numbers.start * self.window
        rows: list[int] = self.computed[1][start - first : stop - first : step].tolist()
        return rows

    def _rows(self, number: int) -> Numbers:
        """Return the rows of a window."""
        start = number * self.window
        return self.permutation(np.arange(start, min(start + self.window, self.size)))
