"""The order of rows: shuffled in an epoch, as they are in an evaluation, grouped by length."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch

from lightning_transformers.base.seeding import seed_of
from lightning_transformers.data.sampling.lengths import Lengths
from lightning_transformers.data.sampling.permutation import Numbers, Permutation, random_order

WINDOW = 50
"""Largest number of groups in which rows of similar length come together."""


class Order(Protocol):
    """A permutation of the rows."""

    def __getitem__(self, positions: slice, /) -> Sequence[int]:
        """Return the rows at some positions, fewer if these end after the last one."""


def former_order(size: int, seed: int, epoch: int) -> Order:
    """Return the order of an epoch before formulas 3, see `training.formulas`.

    Args:
        size: number of rows.
        seed: seed of the run.
        epoch: number of the epoch, from 0.
    """
    generator = torch.Generator().manual_seed(seed_of(seed, epoch))
    listed: list[int] = torch.randperm(size, generator=generator).tolist()
    return listed


class WindowedOrder(ABC):
    """An order that is computed a window of groups at a time, in constant memory.

    Args:
        size: number of rows.
        group: rows of a group: those that all ranks process together.
        window: groups of a window.
        lengths: returns the lengths of rows; None: rows are not grouped by length.
    """

    def __init__(self, size: int, group: int, window: int, lengths: Lengths | None) -> None:
        self.size, self.group, self.window = size, group, group * window
        self.lengths = lengths
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

    def _positions(self, number: int) -> Numbers:
        start = number * self.window
        return np.arange(start, min(start + self.window, self.size))

    def _by_length(self, rows: Numbers) -> Numbers:
        if self.lengths is None:
            return rows
        return rows[np.argsort(self.lengths(rows), kind="stable")]

    @abstractmethod
    def _rows(self, number: int) -> Numbers:
        """Return the rows of a window."""


class EpochOrder(WindowedOrder):
    """A random order in which the rows of a group have similar lengths.

    A window has random rows; they are sorted by length and cut into groups, whose order is random.
    With few rows the windows are smaller, so that groups differ between epochs.

    Args:
        size: number of rows.
        group: rows of a group.
        lengths: returns the lengths of rows; None: rows are not grouped by length.
        seed: seed of the run.
        epoch: number of the epoch, from 0.
    """

    def __init__(
        self, size: int, group: int, lengths: Lengths | None, seed: int, epoch: int
    ) -> None:
        few = max(1, size // group // 4)
        super().__init__(size, group, min(WINDOW, few) if lengths else WINDOW, lengths)
        self.seed, self.epoch = seed, epoch
        self.permutation = Permutation(size, seed_of(seed, epoch))

    def __getitem__(self, positions: slice, /) -> list[int]:
        """Return the rows at some positions, fewer if these end after the last one.

        Without lengths, only rows with the remainder of these positions are computed, which are
        those of one rank: the time of a batch does not depend on the number of ranks.
        """
        if self.lengths is not None:
            return super().__getitem__(positions)
        start, stop, step = positions.indices(self.size)
        first = start - start % self.window
        end = min(-(-stop // self.window) * self.window, self.size)
        mine = range(first + (start - first) % step, end, step)
        if self.computed[0] != mine:
            self.computed = mine, self.permutation(self._shuffled(np.array(mine, np.int64)))
        skipped = (start - mine.start) // step
        wanted = self.computed[1][skipped : skipped + len(range(start, stop, step))]
        rows: list[int] = wanted.tolist()
        return rows

    def _shuffled(self, positions: Numbers) -> Numbers:
        """Return positions `(n,)`, in ascending order, with the groups of each window shuffled."""
        numbers, found = positions // self.window, positions.copy()
        for number in np.unique(numbers).tolist():
            low, high = np.searchsorted(numbers, (number, number + 1))
            start = number * self.window
            groups = min(self.window, self.size - start) // self.group
            within = positions[low:high] - start
            group, place = within // self.group, within % self.group
            whole = group < groups
            order = random_order(groups, seed_of(self.seed, self.epoch, number))
            shuffled = order[group[whole]] * self.group + place[whole]
            found[low:high][whole] = start + shuffled
        return found

    def _rows(self, number: int) -> Numbers:
        rows = self.permutation(self._positions(number))
        # An incomplete group is the last one, so that no other batch is smaller.
        whole = len(rows) - len(rows) % self.group
        groups = self._by_length(rows[:whole]).reshape(-1, self.group)
        shuffled = random_order(len(groups), seed_of(self.seed, self.epoch, number))
        return np.concatenate([groups[shuffled].ravel(), rows[whole:]])


class EvaluationOrder(WindowedOrder):
    """The order of the rows as they are, but sorted by length within each window.

    Args:
        size: number of rows.
        group: rows of a group.
        lengths: returns the lengths of rows.
    """

    def __init__(self, size: int, group: int, lengths: Lengths) -> None:
        super().__init__(size, group, WINDOW, lengths)

    def _rows(self, number: int) -> Numbers:
        return self._by_length(self._positions(number))
