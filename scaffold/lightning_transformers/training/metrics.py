"""Metrics that every loss has, those of classes, and the base of those over texts."""

import json
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torchmetrics import Metric, MetricCollection
from torchmetrics.classification import MulticlassAccuracy, MulticlassF1Score
from torchmetrics.utilities import dim_zero_cat


class KeepFloat64(nn.Module):
    """A metric that keeps its precision when a trainer casts the model.

    Sums in bfloat16 stand still at 256 terms.
    """

    def _apply(self, fn: Callable[[Tensor], Tensor], *args: Any, **kwargs: Any) -> Any:
        def moved(value: Tensor) -> Tensor:
            device = fn(value).device
            # Apple's GPUs have no float64.
            narrow = device.type == "mps" and value.dtype == torch.float64
            return value.to(device, torch.float32 if narrow else value.dtype)

        return super()._apply(moved, *args, **kwargs)  # type: ignore[no-untyped-call]


class StageMetrics(KeepFloat64, MetricCollection):
    """The metrics of a stage, each of which gets all batches.

    torchmetrics would let one metric stand in for another with the same state after a batch.
    """

    def __init__(self, metrics: dict[str, Metric], prefix: str) -> None:
        super().__init__(metrics, prefix=prefix, compute_groups=False)  # type: ignore[arg-type]


class MeanLoss(KeepFloat64, Metric):
    """Mean loss per term (token or example) over all batches and ranks."""

    full_state_update = False
    total: Tensor
    count: Tensor

    def __init__(self) -> None:
        super().__init__()
        for name in ("total", "count"):
            self.add_state(name, torch.tensor(0.0, dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, total: Tensor, count: Tensor) -> None:
        """Add a batch's sum of loss terms and their number."""
        # Not in place: the state may be a tensor of inference mode, from an earlier validation.
        self.total = self.total + total
        self.count = self.count + count

    def compute(self) -> Tensor:
        """Return the mean, a scalar."""
        return self.total / self.count


class Perplexity(MeanLoss):
    """Exponential of the mean loss per token; not the mean of the batches' perplexities."""

    def compute(self) -> Tensor:
        """Return the perplexity, a scalar."""
        return super().compute().exp()


class SkipEmptyBatches(Metric):
    """A metric of torchmetrics that takes a batch without labels, which it would fail on."""

    def update(self, preds: Tensor, target: Tensor) -> None:
        """Add a batch."""
        if len(target):
            super().update(preds, target)  # type: ignore[safe-super]


class Accuracy(SkipEmptyBatches, MulticlassAccuracy):
    """Accuracy over classes."""


class F1Score(SkipEmptyBatches, MulticlassF1Score):
    """F1 over classes."""


def class_metrics(classes: int) -> dict[str, Metric]:
    """Return the metrics of predicted classes or logits against the true classes, by name."""
    return {
        "accuracy": Accuracy(classes, average="micro"),
        "f1": F1Score(classes, average="macro"),
    }


class TextMetric(Metric):
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
