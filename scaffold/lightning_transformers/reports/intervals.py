"""95 % intervals of metrics, from the recorded rows of an evaluation."""

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from seqeval.metrics.sequence_labeling import get_entities

from lightning_transformers.reports.run_files import Evaluation
from lightning_transformers.training.metrics import ClassScores

RESAMPLES = 1000
TOLERANCE = 1e-3
"""Relative difference up to which a metric of the rows is the one that the run has logged."""

Indices: TypeAlias = npt.NDArray[np.int64]
Statistic: TypeAlias = Callable[[Indices], Mapping[str, float]]
"""Metrics by name, of the rows with some indices."""


class Interval(NamedTuple):
    """The ends of a 95 % interval."""

    low: float
    high: float


def intervals(found: Evaluation, logged: Mapping[str, float]) -> dict[str, Interval]:
    """Return the intervals of the metrics that can be computed from the rows.

    They are percentiles of bootstrap resamples of the rows (Efron, 1979).

    Args:
        found: the recorded rows.
        logged: the metrics that the run has logged, by name without stage. One with another value
            than the rows give, such as that of a class of the project, has no interval.
    """
    rows, known = found.table.num_rows, {}
    for statistic in filter(None, (losses(found), scores(found))):
        whole = statistic(np.arange(rows))
        names = [name for name in whole if name in logged and is_close(whole[name], logged[name])]
        if not names:
            continue
        generator = np.random.default_rng(0)
        draws = [statistic(generator.integers(rows, size=rows)) for _ in range(RESAMPLES)]
        for name in names:
            ends = np.nanquantile([draw[name] for draw in draws], [0.025, 0.975])
            known[name] = Interval(*map(float, ends))
    return known


def is_close(value: float, logged: float) -> bool:
    """Return whether two values of a metric differ by rounding only."""
    return math.isclose(value, logged, rel_tol=TOLERANCE, abs_tol=1e-6)


def losses(found: Evaluation) -> Statistic | None:
    """Return the mean loss and the perplexity; rows with several targets weigh more."""
    if not found.has("loss"):
        return None
    column = found.column("loss")
    loss = array(value or 0.0 for value in column)
    counts = array(value is not None for value in column)
    if found.has("targets"):
        counts = array(found.column("targets"))
    elif found.has("label") and isinstance(found.column("label")[0], list):
        counts = array(map(len, found.column("label")))

    def mean(chosen: Indices) -> dict[str, float]:
        value = ratio((loss * counts)[chosen], counts[chosen])
        return {"loss": value, "perplexity": float(np.exp(value))}

    return mean


def scores(found: Evaluation) -> Statistic | None:
    """Return the scores of the kind of task that the columns belong to, if they are known."""
    if found.has("exact_match"):
        return of_answers(found)
    if not found.has("label", "prediction"):
        return None
    label = next((value for value in found.column("label") if value is not None), None)
    if isinstance(label, float):
        return of_numbers(found)
    if isinstance(label, list):
        return None if found.classes else of_lists(found)
    return of_classes(found) if found.classes else None


def of_classes(found: Evaluation) -> Statistic:
    """Return the scores of a class per row, see `ClassScores`."""
    number = {name: place for place, name in enumerate(found.classes)}
    labels, predictions = (
        np.array([number[name] for name in found.column(column)])
        for column in ("label", "prediction")
    )

    def score(chosen: Indices) -> dict[str, float]:
        metric = ClassScores(len(number))
        metric.update(torch.from_numpy(predictions[chosen]), torch.from_numpy(labels[chosen]))
        values = {name: float(value) for name, value in metric.compute().items()}
        return values | {"accuracy": values["f1_micro"], "f1": values["f1_macro"]}

    return score


def of_answers(found: Evaluation) -> Statistic:
    """Return the means of exact match and F1, also of the questions with an answer."""
    values = {name: array(found.column(name)) for name in ("exact_match", "f1")}
    answered = np.array([bool(answers) for answers in found.column("label")])

    def score(chosen: Indices) -> dict[str, float]:
        some = chosen[answered[chosen]]
        of_all = {name: float(value[chosen].mean()) for name, value in values.items()}
        of_some = {f"has_answer_{n}": ratio(v[some], np.ones(len(some))) for n, v in values.items()}
        return of_all | of_some

    return score


def of_numbers(found: Evaluation) -> Statistic:
    """Return the mean squared error and Pearson's correlation."""
    labels, predictions = array(found.column("label")), array(found.column("prediction"))

    def score(chosen: Indices) -> dict[str, float]:
        pair = labels[chosen], predictions[chosen]
        with np.errstate(invalid="ignore", divide="ignore"):
            pearson = float(np.corrcoef(*pair)[0, 1])
        return {"mse": float(((pair[0] - pair[1]) ** 2).mean()), "pearson": pearson}

    return score


def of_lists(found: Evaluation) -> Statistic:
    """Return the accuracy of tags or tokens, and the micro-averaged scores of entities."""
    pairs = [*zip(found.column("label"), found.column("prediction"), strict=True)]
    sizes = array(len(label) for label, _ in pairs)
    hits = array(sum(map(str.__eq__, *pair)) for pair in pairs)
    has_entities = any(tag[:2] in ("B-", "I-") for label, _ in pairs for tag in label)
    if not has_entities:
        return lambda chosen: {"accuracy": ratio(hits[chosen], sizes[chosen])}
    entities = [tuple(set(get_entities(tags)) for tags in pair) for pair in pairs]
    true, predicted = (array(len(pair[side]) for pair in entities) for side in (0, 1))
    both = array(len(first & second) for first, second in entities)

    def score(chosen: Indices) -> dict[str, float]:
        f1 = ratio(2 * both[chosen], (true + predicted)[chosen])
        return {
            "accuracy": ratio(hits[chosen], sizes[chosen]),
            "precision": ratio(both[chosen], predicted[chosen]),
            "recall": ratio(both[chosen], true[chosen]),
            "f1": f1,
            "f1_micro": f1,
        }

    return score


def ratio(values: npt.NDArray[np.float64], counts: npt.NDArray[np.float64]) -> float:
    """Return the sum of values divided by that of counts; 0 without a count."""
    total = counts.sum()
    return float(values.sum() / total) if total else 0.0


def array(values: Any) -> npt.NDArray[np.float64]:
    """Return values as an array."""
    return np.array([*values], dtype=np.float64)
