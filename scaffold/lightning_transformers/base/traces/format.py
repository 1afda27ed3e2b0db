"""The values of a run, step by step, as one process asks another to record them.

A trace holds more than `metrics.csv`: the loss of each batch, and all rows that loggers get.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import NamedTuple

from lightning_transformers.base.atomic import write_atomically

TRACE = "LIGHTNING_TRANSFORMERS_TRACE"
"""The environment variable with the file of a `TraceRequest`, for a run to record its trace."""
MEASURED = ("throughput/", "DeviceStatsMonitor.")
"""Prefixes of metrics of time and memory, which differ from run to run."""


class Entry(NamedTuple):
    """A value at a step, as `repr` writes it: equal texts are equal bits, and NaN equals NaN."""

    step: int
    metric: str
    value: str


@dataclass(frozen=True)
class Mismatch:
    """The first difference of a run from an expected trace; `none` stands for no value.

    Attributes:
        step: the step, as loggers count it: optimizer updates.
        metric: the name of the value.
        expected: the value of the former state, as text.
        found: the value of the run.
    """

    step: int
    metric: str
    expected: str
    found: str


@dataclass(frozen=True)
class TraceRequest:
    """The request to a run: where its trace goes, and when it stops.

    Attributes:
        file: where the trace is written.
        steps: the optimizer steps after which the run stops; None: at its own end.
        expected: the trace to compare with; the run stops at the first difference.
        until: the run stops when this many entries of `expected` are found equal; None: it ends by
            itself, since it may have more entries than expected.
    """

    file: str
    steps: int | None = None
    expected: Sequence[Entry] | None = None
    until: int | None = None

    def write(self, file: Path) -> None:
        """Write the request for a process that is about to start."""
        file.write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def read(cls, file: Path) -> "TraceRequest":
        """Read a request."""
        content = json.loads(file.read_text(encoding="utf-8"))
        if content["expected"] is not None:
            content["expected"] = [Entry(*entry) for entry in content["expected"]]
        return cls(**content)


@dataclass
class Trace:
    """The trace of a run.

    Attributes:
        entries: the values in the order in which the run had them.
        mismatch: the first difference from the expected trace, at which the run stopped.
        equal: the number of expected entries that were found equal before that.
    """

    entries: list[Entry] = field(default_factory=list)
    mismatch: Mismatch | None = None
    equal: int = 0

    def write(self, file: Path) -> None:
        """Write the trace atomically."""
        with write_atomically(file) as beside:
            beside.write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def read(cls, file: Path) -> "Trace":
        """Read a trace."""
        content = json.loads(file.read_text(encoding="utf-8"))
        entries = [Entry(*entry) for entry in content["entries"]]
        mismatch = content["mismatch"] and Mismatch(**content["mismatch"])
        return cls(entries, mismatch, content["equal"])
