"""Mean, deviation and interval of the metrics of a repeat."""

import csv
import math
from pathlib import Path

import pytest

from lightning_transformers.runs.repeats.summary import Summary, estimate, t_quantile

RUNS = {"seed-0": {"val/loss": 1.0, "val/accuracy": 0.5}, "seed-1": {"val/loss": 3.0}}


@pytest.mark.parametrize(
    ("degrees", "t"),
    [(1, 12.7062), (2, 4.3027), (3, 3.1824), (4, 2.7764), (9, 2.2622), (30, 2.0423), (99, 1.9842)],
)
def test_quantiles_are_those_of_the_tables(degrees: int, t: float) -> None:
    assert t_quantile(degrees) == pytest.approx(t, abs=5e-5)


def test_the_interval_is_that_of_the_mean() -> None:
    mean, deviation, low, high = estimate([1.0, 2.0, 3.0, 4.0])
    assert (mean, deviation) == pytest.approx((2.5, 1.290994))
    assert (low, high) == pytest.approx((2.5 - 2.054260, 2.5 + 2.054260))


def test_the_table_has_each_metric_and_the_value_of_each_run(tmp_path: Path) -> None:
    summary = Summary(RUNS)
    summary.write(tmp_path)
    with (tmp_path / "repeat.csv").open(newline="") as stream:
        loss, accuracy = csv.DictReader(stream)
    assert (loss["metric"], loss["mean"], loss["seed-1"]) == ("val/loss", "2.0", "3.0")
    assert math.isnan(float(accuracy["mean"]))
    assert [*summary.lines("val/loss", Path("outputs/mine"))] == [
        "Repeat: 2 runs in outputs/mine",
        "  metric        mean  deviation  95 % interval",
        "  val/loss      2     1.414      -10.71 to 14.71",
        "  val/accuracy  nan   nan        nan to nan",
        "val/loss of each: seed-0 1, seed-1 3",
        "Table: outputs/mine/repeat.csv",
    ]
