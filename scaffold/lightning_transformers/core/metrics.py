"""Metrics that every loss has, those of classes, and the base of those over texts."""

import json
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.classification import MulticlassAccuracy, MulticlassF1Score
from torchmetrics.utilities import dim_zero_cat


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


def class_metrics(classes: int) -> dict[str, Metric]:
    """Return the metrics of predicted classes or logits against the true classes, by name."""
    return {
        "accuracy": MulticlassAccuracy(classes, average="micro"),
        "f1": MulticlassF1Score(classes, average="macro"),
    }


class Records(Metric):
    """What a score over texts needs of each example, collected over all batches and ranks.

    torchmetrics gathers tensors alone, so the records are kept as lines of JSON in a tensor of
    bytes. A subclass defines `score`.
    """

    full_state_update = False
    lines: list[Tensor]

    def __init__(self) -> None:
        super().__init__()
        self.add_state("lines", [], dist_reduce_fx="cat")

    def update(self, records: Iterable[Any]) -> None:
        """Add the records of a batch; JSON has to be able to hold them."""
        text = "".join(json.dumps(record) + "\n" for record in records)
        content = torch.frombuffer(bytearray(text.encode()), dtype=torch.uint8)
        self.lines.append(content.to(self.device))

    def compute(self) -> dict[str, Tensor]:
        """Return the scores of all records by name."""
        content = bytes(dim_zero_cat(self.lines).cpu().numpy())
        records = [json.loads(line) for line in content.splitlines()]
        return {name: torch.tensor(score) for name, score in self.score(records).items()}

    def score(self, records: list[Any]) -> dict[str, float]:
        """Return the scores by name."""
        raise NotImplementedError(f"{type(self).__name__} must define score")
