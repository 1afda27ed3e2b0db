"""Types shared by tasks, data modules and recipes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

Batch = dict[str, Tensor]
"""Tensors by name, batch dimension first; texts are bytes, see `data.texts.encode_texts`."""
Row = dict[str, Any]
"""An example or prediction input: values by column."""
Columns = Mapping[str, list[Any]]
"""Several rows in the form of `Dataset.map(batched=True)`: lists of values by column."""
Settings = Mapping[str, Any]
"""Config values or keyword arguments by name."""
Checkpoint = dict[str, Any]
"""The content of a Lightning checkpoint, or a part of it."""


@dataclass(frozen=True)
class Loss:
    """A loss as a sum and the number of its terms, so that it can be averaged over batches.

    The mean over several batches is the sum of their totals divided by the sum of their counts,
    which differs from the mean of their means if the batches differ in length.

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
        """Mean loss of the batch, a scalar, which `training_step` returns."""
        return self.total / positive(self.count)

    def plus(self, mean: Tensor) -> "Loss":
        """Return this loss with a penalty added to its mean.

        Args:
            mean: the penalty, a scalar. It is dropped, even if NaN, if `count` is 0.
        """
        return Loss(self.total + mean.where(self.count > 0, 0) * self.count, self.count)


def positive(count: Tensor) -> Tensor:
    """Replace 0 by 1 in a count, a scalar, so that it can be a divisor; it may be fractional."""
    return count.where(count > 0, 1)
