"""The numbers of a report, from columns of labels and predictions."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

BINS = 10


class ClassScore(NamedTuple):
    """Scores of a class; a share of nothing is 0."""

    name: str
    rows: int
    predicted: int
    precision: float
    recall: float
    f1: float


class Threshold(NamedTuple):
    """A probability above which a label is predicted, with the scores of the label then."""

    value: float
    precision: float
    recall: float
    f1: float


class Bin(NamedTuple):
    """The rows whose predicted probability is in a range."""

    low: float
    high: float
    rows: int
    confidence: float
    accuracy: float


class Slice(NamedTuple):
    """The rows with a value of a column; `score` is None where rows have none."""

    value: str
    rows: int
    score: float | None
    loss: float | None


def class_scores(
    labels: Iterable[Iterable[Any]], predictions: Iterable[Iterable[Any]], names: Iterable[str] = ()
) -> list[ClassScore]:
    """Return the scores of each class, or kind of entity, from the sets that each row has.

    Args:
        labels: the true ones of each row, each at most once.
        predictions: the predicted ones of each row.
        names: classes to return first; others that occur follow.
    """
    true, found, hits = Counter[str](), Counter[str](), Counter[str]()
    for label, prediction in zip(labels, predictions, strict=True):
        label, prediction = set(label), set(prediction)
        true.update(map(kind_of, label))
        found.update(map(kind_of, prediction))
        hits.update(map(kind_of, label & prediction))
    order = dict.fromkeys([*names, *sorted(true | found)])
    return [
        ClassScore(
            name,
            true[name],
            found[name],
            hits[name] / max(found[name], 1),
            hits[name] / max(true[name], 1),
            2 * hits[name] / max(found[name] + true[name], 1),
        )
        for name in order
    ]


def best_threshold(rows: Iterable[tuple[float, bool]]) -> Threshold | None:
    """Return the threshold of a label's probability with the highest F1, None without a label.

    It lies halfway between two probabilities, since predictions are those above it.

    Args:
        rows: probability of the label, and whether the row has it.
    """
    ranked = sorted(rows, reverse=True)
    total, hits, best = sum(has_label for _, has_label in ranked), 0, None
    for count, (probability, has_label) in enumerate(ranked, 1):
        hits += has_label
        below = ranked[count][0] if count < len(ranked) else 0.0
        f1 = 2 * hits / (count + total)
        if below < probability and hits and (best is None or f1 > best.f1):
            best = Threshold((probability + below) / 2, hits / count, hits / total, f1)
    return best


def kind_of(part: Any) -> str:
    """Return the class of a class, or of an entity with its place."""
    return str(part[0]) if isinstance(part, tuple) else str(part)


def calibration_bins(confidences: Sequence[float], hits: Sequence[bool]) -> list[Bin]:
    """Return the bins of equal width that have rows (Guo et al., 2017, section 2).

    Args:
        confidences: probability of each prediction.
        hits: whether it is right.
    """
    members: dict[int, list[tuple[float, bool]]] = {}
    for pair in zip(confidences, hits, strict=True):
        members.setdefault(min(int(pair[0] * BINS), BINS - 1), []).append(pair)
    return [
        Bin(
            index / BINS,
            (index + 1) / BINS,
            len(rows),
            sum(confidence for confidence, _ in rows) / len(rows),
            sum(hit for _, hit in rows) / len(rows),
        )
        for index, rows in sorted(members.items())
    ]


def calibration_error(bins: Sequence[Bin]) -> float:
    """Return the expected calibration error: the mean distance of confidence and accuracy."""
    total = sum(part.rows for part in bins)
    return sum(part.rows * abs(part.confidence - part.accuracy) for part in bins) / total


def slices(
    values: Sequence[Any], scores: Sequence[float] | None, losses: Sequence[float | None] | None
) -> list[Slice]:
    """Return rows, mean score and mean loss for each value of a column, the worst first.

    Args:
        values: the value of each row.
        scores: the score of each row, higher is better; None without scores.
        losses: the loss of each row; None without losses.
    """
    members: dict[str, list[int]] = {}
    for number, value in enumerate(values):
        members.setdefault("missing" if value in (None, "") else str(value), []).append(number)
    found = [
        Slice(value, len(rows), mean(scores, rows), mean(losses, rows))
        for value, rows in members.items()
    ]
    return sorted(found, key=badness)


def badness(part: Slice) -> tuple[float, float]:
    """Return a key that sorts the worst slice first."""
    return (0.0 if part.score is None else part.score, -(part.loss or 0.0))


def mean(values: Sequence[float | None] | None, rows: Iterable[int]) -> float | None:
    """Return the mean of the values of some rows, without missing ones; None if there are none."""
    present = [v for row in rows if values is not None and (v := values[row]) is not None]
    return sum(present) / len(present) if present else None


def quarters(sizes: Sequence[int]) -> Callable[[int], str] | None:
    """Return a function from a size to the name of its quarter of all rows, None for few sizes."""
    ranked = sorted(sizes)
    limits = sorted({ranked[len(ranked) * part // 4] for part in (1, 2, 3)})
    if len(limits) < 3 or limits[0] == ranked[0]:
        return None
    edges = [ranked[0], *limits, ranked[-1] + 1]

    def name(size: int) -> str:
        index = max(i for i, edge in enumerate(edges[:-1]) if edge <= size)
        return f"{edges[index]}–{edges[index + 1] - 1}"

    return name
