"""Metrics of losses and classes, and the base class of text metrics."""

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torchmetrics import Metric, MetricCollection
from torchmetrics.classification import MulticlassAccuracy, MulticlassF1Score
from torchmetrics.utilities import dim_zero_cat

from lightning_transformers.base.errors import ConfigurationError

MetricInputs = dict[str, Any]
"""Arguments of the metrics' `update` methods, by name."""


class KeepFloat64(nn.Module):
    """Mixin for metrics that keep their dtype when the trainer casts the model.

    A bfloat16 count cannot grow beyond 256.
    """

    def _apply(self, fn: Callable[[Tensor], Tensor], *args: Any, **kwargs: Any) -> Any:
        def moved(value: Tensor) -> Tensor:
            device = fn(value).device
            # Apple's GPUs have no float64.
            narrow = device.type == "mps" and value.dtype == torch.float64
            return value.to(device, torch.float32 if narrow else value.dtype)

        return super()._apply(moved, *args, **kwargs)  # type: ignore[no-untyped-call]


class StageMetrics(KeepFloat64, MetricCollection):
    """The metrics of a stage, each updated by every batch.

    torchmetrics would merge metrics whose states are equal after the first batch.
    """

    def __init__(self, metrics: dict[str, Metric], prefix: str) -> None:
        super().__init__(metrics, prefix=prefix, compute_groups=False)  # type: ignore[arg-type]

    def by_logged_name(self) -> dict[str, Metric]:
        """Return the metrics by the name under which they are logged, without those of a dict."""
        return dict(self.items(copy_state=False))

    def directions(self) -> dict[str, bool]:
        """Return whether higher values are better, by the name under which a value is logged.

        For metrics that have batches and say it (`higher_is_better`).
        """
        found: dict[str, bool] = {}
        for name, metric in self.items(keep_base=True, copy_state=False):
            if metric.update_called and metric.higher_is_better is not None:
                value = metric.compute()  # which torchmetrics caches
                names = [*value] if isinstance(value, dict) else [name]
                names += getattr(metric, "RARE", ())
                found |= {f"{self.prefix}{each}": metric.higher_is_better for each in names}
        return found


class MeanLoss(KeepFloat64, Metric):
    """Mean loss per term (token or example, see `Loss`) over all batches and ranks."""

    full_state_update = False
    higher_is_better = False
    total: Tensor
    count: Tensor

    def __init__(self) -> None:
        super().__init__()
        for name in ("total", "count"):
            self.add_state(name, torch.tensor(0.0, dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, total: Tensor, count: Tensor) -> None:
        """Add the sum and the number of a batch's loss terms, each a scalar."""
        # Not in place: the state may be an inference tensor from an earlier validation.
        self.total = self.total + total
        self.count = self.count + count

    def compute(self) -> Tensor:
        """Return the mean, a scalar."""
        return self.total / self.count


class Perplexity(MeanLoss):
    """Exponential of the mean loss per token over all batches and ranks."""

    def compute(self) -> Tensor:
        """Return the perplexity, a scalar."""
        return super().compute().exp()


class SkipEmptyBatches(Metric):
    """Mixin for metrics of torchmetrics, which would fail on a batch without labels."""

    def update(self, preds: Tensor, target: Tensor) -> None:
        """Add predictions `(labels,)` or `(labels, classes)`, and labels `(labels,)`."""
        if len(target):
            super().update(preds, target)  # type: ignore[safe-super]


class Accuracy(SkipEmptyBatches, MulticlassAccuracy):
    """Accuracy of classes; batches without labels are skipped."""


class F1Score(SkipEmptyBatches, MulticlassF1Score):
    """F1 score of classes; batches without labels are skipped."""


class ClassScores(Metric):
    """Scores of predicted classes by the names that papers use, over all batches and ranks.

    Classes that neither a label nor a prediction names are excluded from unweighted means.

    Args:
        classes: number of classes.
    """

    full_state_update = False
    higher_is_better = True
    hits: Tensor
    predicted: Tensor
    labelled: Tensor

    def __init__(self, classes: int) -> None:
        super().__init__()
        for name in ("hits", "predicted", "labelled"):
            self.add_state(name, torch.zeros(classes, dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, preds: Tensor, target: Tensor) -> None:
        """Add predictions `(labels,)` or logits `(labels, classes)`, and labels `(labels,)`."""
        found = preds.argmax(-1) if preds.ndim > 1 else preds
        counted = {"hits": target[found == target], "predicted": found, "labelled": target}
        for name, values in counted.items():
            state = getattr(self, name)
            setattr(self, name, state + values.bincount(minlength=len(state)))

    def compute(self) -> dict[str, Tensor]:
        """Return the scores by name, each a scalar.

        `f1_macro`, `precision` and `recall` are unweighted means over classes, `f1_weighted` is
        weighted by the labels, `f1_micro` equals the accuracy. `matthews` is the correlation
        coefficient of Gorodkin (2004), for two classes that of Matthews (1975). With two classes
        also `f1_positive`, the F1 of the second.
        """
        hits, predicted, labelled = (
            count.cpu().double()  # Apple's GPUs have no float64
            for count in (self.hits, self.predicted, self.labelled)
        )
        total, correct = labelled.sum(), hits.sum()
        f1 = 2 * hits / (predicted + labelled).clamp(min=1)
        seen = predicted + labelled > 0
        spread = (total**2 - predicted @ predicted) * (total**2 - labelled @ labelled)
        covariance = correct * total - predicted @ labelled
        scores = {
            "f1_macro": f1[seen].mean(),
            "f1_micro": correct / total,
            "f1_weighted": (f1 * labelled).sum() / total,
            "precision": (hits / predicted.clamp(min=1))[seen].mean(),
            "recall": (hits / labelled.clamp(min=1))[seen].mean(),
            "matthews": covariance / spread.where(spread > 0, 1).sqrt(),
        }
        return scores | ({"f1_positive": f1[1]} if len(f1) == 2 else {})


def class_metrics(classes: int) -> dict[str, Metric]:
    """Return `accuracy`, macro-averaged `f1` and `ClassScores` for a number of classes."""
    return {
        "accuracy": Accuracy(classes, average="micro"),
        "f1": F1Score(classes, average="macro"),
        "class_scores": ClassScores(classes),
    }


class TextMetric(Metric):
    """Base class of scores over texts: collects a record per example over all batches and ranks.

    The records are stored as JSON lines in uint8 tensors, since torchmetrics synchronizes only
    tensors. A subclass defines `score`.
    """

    RARE: ClassVar[Sequence[str]] = ()
    """Names of scores that depend on rows which a batch may lack."""
    full_state_update = False
    lines: list[Tensor]

    def __init__(self) -> None:
        super().__init__()
        self.add_state("lines", [], dist_reduce_fx="cat")

    def update(self, records: Iterable[object]) -> None:
        """Add the records of a batch, each of JSON's types."""
        text = "".join(json.dumps(record) + "\n" for record in records)
        content = torch.frombuffer(bytearray(text.encode()), dtype=torch.uint8)
        self.lines.append(content.to(self.device))

    def compute(self) -> dict[str, Tensor]:
        """Return the scores of all records by name, each a scalar."""
        content = bytes(dim_zero_cat(self.lines).cpu().numpy())
        records = [json.loads(line) for line in content.splitlines()]
        return {name: torch.tensor(score) for name, score in self.score(records).items()}

    def score(self, records: list[Any]) -> dict[str, float]:
        """Return the scores by name; a subclass defines them.

        Args:
            records: the records of all batches and ranks, as passed to `update`.

        Raises:
            NotImplementedError: in this base class.
        """
        raise NotImplementedError(f"{type(self).__name__} must define score")


def require_scalar(name: str, value: Any, place: str) -> None:
    """Check the value of a metric, a scalar.

    Args:
        name: the name under which it is logged.
        value: the result of `compute`.
        place: where the metric is defined, for the message.

    Raises:
        ConfigurationError: for a tensor of several values, or no number.
    """
    if isinstance(value, Tensor) and value.numel() != 1:
        kind = f"a tensor of shape {tuple(value.shape)}"
    elif not isinstance(value, Tensor | int | float):
        kind = f"a {type(value).__name__}"
    else:
        return
    raise ConfigurationError(
        f"{place}: the metric {name} is {kind}, not a scalar: let its compute return a scalar, or "
        "a dict of scalars by name"
    )
