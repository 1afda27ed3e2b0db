"""Mean, deviation and interval of the metrics of several runs."""

import csv
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeAlias

from lightning_transformers.base.atomic import write_atomically
from lightning_transformers.base.run_log import in_one_line

Metrics: TypeAlias = dict[str, float]
TABLE = "repeat.csv"


class Estimate(NamedTuple):
    """The mean of a metric, its standard deviation, and the 95 % interval of the mean."""

    mean: float
    deviation: float
    low: float
    high: float


@dataclass(frozen=True)
class Summary:
    """The metrics of several runs, by name of the run; a metric that a run lacks is NaN there."""

    runs: Mapping[str, Metrics]

    def mean(self, metric: str) -> float:
        """Return the mean of a metric."""
        return estimate(self.values(metric)).mean

    def values(self, metric: str) -> list[float]:
        """Return the value of a metric in each run."""
        return [metrics.get(metric, math.nan) for metrics in self.runs.values()]

    @property
    def metrics(self) -> list[str]:
        """The names of all metrics."""
        return [*dict.fromkeys(name for metrics in self.runs.values() for name in metrics)]

    def lines(self, selected: str | None, folder: Path) -> Iterator[str]:
        """Yield the lines of a table for the console.

        Args:
            selected: the metric whose values in each run are shown, too.
            folder: the folder with the file of the table.
        """
        rows = [["metric", "mean", "deviation", "95 % interval"]]
        for name in self.metrics:
            mean, deviation, low, high = (f"{value:.4g}" for value in estimate(self.values(name)))
            rows.append([name, mean, deviation, f"{low} to {high}"])
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        yield f"Repeat: {len(self.runs)} runs in {folder}"
        for row in rows:
            cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            yield f"  {'  '.join(cells)}".rstrip()
        if selected:
            values = dict(zip(self.runs, self.values(selected), strict=True))
            yield f"{selected} of each: {in_one_line(values)}"
        yield f"Table: {folder / TABLE}"

    def write(self, folder: Path) -> None:
        """Write the table, with the values of each run, to `repeat.csv` in a folder."""
        with (
            write_atomically(folder / TABLE) as beside,
            beside.open("w", newline="", encoding="utf-8") as stream,
        ):
            table = csv.writer(stream, lineterminator="\n")
            table.writerow(["metric", *Estimate._fields, *self.runs])
            for name in self.metrics:
                values = self.values(name)
                table.writerow([name, *estimate(values), *values])


def estimate(values: Sequence[float]) -> Estimate:
    """Return the estimate of a metric from its values in at least two runs.

    The interval is that of Student's t: it takes the values for independent and normal.
    """
    mean = sum(values) / len(values)
    # By hand, since `statistics` fails for values that are not finite.
    deviation = math.sqrt(sum((value - mean) ** 2 for value in values) / (len(values) - 1))
    half = t_quantile(len(values) - 1) * deviation / math.sqrt(len(values))
    return Estimate(mean, deviation, mean - half, mean + half)


def t_quantile(degrees: int, probability: float = 0.95) -> float:
    """Return the t that Student's distribution exceeds, to either side, in 1 - `probability`.

    Source: Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.3 and 26.7.4.

    Args:
        degrees: the degrees of freedom, 1 or more.
        probability: of a value between -t and t.
    """
    low, high = 0.0, math.pi / 2
    while (angle := (low + high) / 2) not in (low, high):
        if _central(angle, degrees) < probability:
            low = angle
        else:
            high = angle
    return math.sqrt(degrees) * math.tan(angle)


def _central(angle: float, degrees: int) -> float:
    """Return the probability of a value between -t and t, for t = sqrt(degrees) tan(angle)."""
    cosine, odd = math.cos(angle), degrees % 2
    term, total = (cosine if odd else 1.0), 0.0
    for power in range(odd, degrees - 1, 2):
        total += term
        term *= (power + 1) / (power + 2) * cosine**2
    return (angle + math.sin(angle) * total) * 2 / math.pi if odd else math.sin(angle) * total
