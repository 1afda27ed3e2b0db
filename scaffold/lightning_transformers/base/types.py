"""The types that pass between the steps of a task."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

Batch = dict[str, Tensor]
"""Tensors by name; a text is in it as bytes, see `data.texts.encode_texts`."""
Row = dict[str, Any]
"""An example, or an input to predict on, by column."""
Columns = Mapping[str, list[Any]]
"""Several rows as `Dataset.map(batched=True)` has them: their values by column."""
Settings = Mapping[str, Any]
"""A part of a config, or keyword arguments, by name."""
Checkpoint = dict[str, Any]
"""What a file holds that Lightning saves, or a part of it."""


@dataclass(frozen=True)
class Loss:
    """A loss as a sum and the number of terms in it, so that it can be averaged over any set.

    The mean over several batches is the sum of their totals over the sum of their counts;
    the mean of their means is another number wherever the batches differ in length.

        import torch
        from lightning_transformers import Loss

        terms = torch.tensor([0.5, 1.5])
        assert Loss(terms.sum(), torch.tensor(len(terms))).mean == 1
    """

    total: Tensor
    """Sum of the loss terms, a scalar."""
    count: Tensor
    """Number of loss terms (tokens or examples), a scalar."""

    @property
    def mean(self) -> Tensor:
        """The loss of the batch by itself, which `training_step` returns."""
        return self.total / positive(self.count)

    def plus(self, mean: Tensor) -> "Loss":
        """Return the loss with another one added to it, which is given as its mean, a scalar."""
        return Loss(self.total + mean.where(self.count > 0, 0) * self.count, self.count)


def positive(count: Tensor) -> Tensor:
    """Return a count to divide by: 1 in place of 0. Of weighted terms it may be below 1."""
    return count.where(count > 0, 1)
