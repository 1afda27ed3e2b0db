"""Metrics that every loss has."""

import torch
from torch import Tensor
from torchmetrics import Metric


class MeanLoss(Metric):
    """Mean loss per term (token or example) over all batches and ranks."""

    full_state_update = False
    total: Tensor
    count: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.add_state("total", torch.tensor(0.0), dist_reduce_fx="sum")
        self.add_state("count", torch.tensor(0.0), dist_reduce_fx="sum")

    def update(self, total: Tensor, count: Tensor) -> None:
        """Add a batch's sum of loss terms and their number."""
        # A trainer in bfloat16 casts the states, whose sums would then stand still at 256 terms;
        # Apple's GPUs have no float64.
        wide = torch.float32 if total.device.type == "mps" else torch.float64
        # Not in place: the state may be a tensor of inference mode, from an earlier validation.
        self.total = self.total.to(wide) + total
        self.count = self.count.to(wide) + count

    def compute(self) -> Tensor:
        """Return the mean, a scalar."""
        return self.total / self.count


class Perplexity(MeanLoss):
    """Exponential of the mean loss per token; not the mean of the batches' perplexities."""

    def compute(self) -> Tensor:
        """Return the perplexity, a scalar."""
        return super().compute().exp()
