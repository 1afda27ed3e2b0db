"""The logged metrics of a run, and where those of two runs differ."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lightning_transformers.base.run_folder import METRICS, archived, logged_cells
from lightning_transformers.base.traces.format import MEASURED

END = math.inf
"""The step of the final value of a metric."""

Logged = dict[tuple[float, str], list[str]]
"""The values as written, by (step, name)."""


@dataclass(frozen=True)
class Difference:
    """Where the values of a metric first differ between two runs.

    Attributes:
        metric: its name, such as `val/loss`.
        step: the first step with different values; `END` for the final value.
        then: the values of the recorded run at this step, as text; `none` if it has none.
        now: those of the rerun.
    """

    metric: str
    step: float
    then: str
    now: str

    def __str__(self) -> str:
        at = "at the end" if self.step == END else f"at step {self.step}"
        return f"{self.metric} {at}: {self.then} then, {self.now} now"


def logged(folder: Path, last: Mapping[str, float]) -> Logged:
    """Return the distinct values of each metric at each step, as `metrics.csv` has them.

    Its archived parts are read, too; those of a resumed run may overlap in steps. Metrics of time
    and memory (`MEASURED`) are omitted.

    Args:
        folder: the run folder.
        last: the final value of each metric, returned under the step `END`.
    """
    found: dict[tuple[float, str], dict[str, None]] = {}
    for name, number in last.items():
        found[END, name] = {repr(float(number)): None}
    for table in (*archived(folder / METRICS), folder / METRICS):
        for at, name, value in logged_cells(table):
            found.setdefault((at, name), {})[value] = None
    return {key: [*values] for key, values in found.items() if not key[1].startswith(MEASURED)}


def compare(then: Logged, now: Logged) -> list[Difference]:
    """Return the first difference of each metric, in order of step.

    Args:
        then: the metrics of the recorded run.
        now: those of the rerun.
    """
    first: dict[str, Difference] = {}
    for step, name in sorted({*then, *now}):
        values = [", ".join(run.get((step, name), ["none"])) for run in (then, now)]
        if values[0] != values[1]:
            first.setdefault(name, Difference(name, step, *values))
    return list(first.values())
