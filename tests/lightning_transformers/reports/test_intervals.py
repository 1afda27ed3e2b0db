"""Intervals of metrics: those of the rows, with the width that statistics expects."""

import json
import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from lightning_transformers.reports.intervals import intervals
from lightning_transformers.reports.run_files import ABOUT, Evaluation

ROWS = 400


def evaluation(**columns: list[Any]) -> Evaluation:
    """Return recorded rows."""
    about = {ABOUT: json.dumps({"split": "validation", "step": 1})}
    return Evaluation(pa.table(columns).replace_schema_metadata(about))


def classes(share: float = 0.8) -> Evaluation:
    """Return rows of two classes, of which a share is predicted."""
    labels = ["ab"[number % 2] for number in range(ROWS)]
    right = [number < share * ROWS for number in range(ROWS)]
    predictions = [
        label if hit else "ba"["ab".index(label)] for label, hit in zip(labels, right, strict=True)
    ]
    columns = {"label": labels, "prediction": predictions, "loss": [0.1 + hit for hit in right]}
    return evaluation(**columns, probability_a=[0.5] * ROWS, probability_b=[0.5] * ROWS)


def test_an_accuracy_has_its_binomial_interval() -> None:
    low, high = intervals(classes(), {"accuracy": 0.8})["accuracy"]
    half = 1.96 * math.sqrt(0.8 * 0.2 / ROWS)
    assert (low, high) == pytest.approx((0.8 - half, 0.8 + half), abs=0.006)


def test_a_mean_loss_has_its_normal_interval() -> None:
    found = intervals(classes(), {"loss": 0.9})["loss"]
    assert (found.high - found.low) / 2 == pytest.approx(1.96 * 0.4 / math.sqrt(ROWS), rel=0.1)


def test_a_metric_of_other_rows_has_none() -> None:
    assert intervals(classes(), {"accuracy": 0.7, "loss": 0.7, "bleu": 3.0}) == {}


def test_rows_with_several_targets_weigh_more() -> None:
    found = evaluation(text=["a", "b"] * 50, targets=[3, 1] * 50, loss=[1.0, 2.0] * 50)
    known = intervals(found, {"loss": 1.25, "perplexity": math.exp(1.25)})
    assert known["loss"].low < 1.25 < known["loss"].high
    assert known["perplexity"].low == pytest.approx(math.exp(known["loss"].low), rel=1e-3)


def test_entities_are_counted_over_all_rows() -> None:
    labels, found = [["B-A", "O"], ["B-A", "I-A"]] * 50, [["B-A", "O"], ["B-A", "O"]] * 50
    known = intervals(
        evaluation(tokens=labels, label=labels, prediction=found), {"f1": 0.5, "accuracy": 0.75}
    )
    assert set(known) == {"f1", "accuracy"}
    assert known["f1"].low < 0.5 < known["f1"].high


def test_answers_and_numbers() -> None:
    labels = [["x"], []] * 50
    answers = evaluation(
        label=labels, prediction=["x"] * 100, exact_match=[100.0, 0.0] * 50, f1=[100.0, 0.0] * 50
    )
    logged = {"exact_match": 50.0, "f1": 50.0, "has_answer_f1": 100.0}
    assert intervals(answers, logged)["has_answer_f1"] == (100.0, 100.0)
    assert set(intervals(answers, logged)) == set(logged)
    truth = np.linspace(0, 1, 50)
    noisy = truth + np.random.default_rng(0).normal(0, 0.1, 50)
    numbers = evaluation(label=truth.tolist(), prediction=noisy.tolist())
    pearson, mse = float(np.corrcoef(truth, noisy)[0, 1]), float(((truth - noisy) ** 2).mean())
    known = intervals(numbers, {"pearson": pearson, "mse": mse})
    assert known["pearson"].low < pearson < known["pearson"].high
    assert known["mse"].low < mse < known["mse"].high
