"""The comparison of traces, while a run records one and afterwards."""

from collections import Counter
from collections.abc import Sequence

from lightning_transformers.base.traces.format import (
    MEASURED,
    Entry,
    Mismatch,
    Trace,
    TraceRequest,
)


class Comparison:
    """A trace that grows, compared with an expected one entry by entry.

    Entries with the same step and metric are compared in their order; the order of metrics within
    a step does not count.

    Args:
        request: what is expected.
    """

    def __init__(self, request: TraceRequest) -> None:
        self.trace, self.request = Trace(), request
        self.seen: Counter[tuple[int, str]] = Counter()
        expected = request.expected or ()
        self.expected = dict(zip(_numbered(expected), expected, strict=True))
        self.awaited = {*[*self.expected][: request.until]}

    def add(self, entry: Entry) -> bool:
        """Add an entry; return whether the run has told enough."""
        if entry.metric.startswith(MEASURED):
            return False
        self.trace.entries.append(entry)
        if self.request.expected is None:
            return False
        place = (entry.step, entry.metric)
        key = (*place, self.seen[place])
        self.seen[place] += 1
        known = self.expected.get(key)
        if known is None or known.value != entry.value:
            then = known.value if known else "none"
            self.trace.mismatch = Mismatch(entry.step, entry.metric, then, entry.value)
            return True
        self.trace.equal += 1
        self.awaited.discard(key)
        return self.request.until is not None and not self.awaited


def first_mismatch(expected: Sequence[Entry], found: Trace) -> Mismatch | None:
    """Return the first difference of a trace, also where a run lacks what was expected.

    Args:
        expected: the trace of the former state.
        found: the trace of a run that stopped by itself, or at a difference.
    """
    if found.mismatch:
        return found.mismatch
    present = dict(zip(_numbered(found.entries), found.entries, strict=True))
    for key, entry in zip(_numbered(expected), expected, strict=True):
        now = present.pop(key, None)
        if now is None or now.value != entry.value:
            value = now.value if now else "none"
            return Mismatch(entry.step, entry.metric, entry.value, value)
    more = next(iter(present.values()), None)
    return more and Mismatch(more.step, more.metric, "none", more.value)


def _numbered(entries: Sequence[Entry]) -> list[tuple[int, str, int]]:
    """Return step, metric and number of each entry among those of the same step and metric."""
    seen: Counter[tuple[int, str]] = Counter()
    keys = []
    for step, metric, _ in entries:
        keys.append((step, metric, seen[step, metric]))
        seen[step, metric] += 1
    return keys
