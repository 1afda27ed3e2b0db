"""The search for the changes that cause a difference; it knows nothing of training."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

Differs = Callable[[frozenset[int]], bool | None]
"""Whether a subset of the changes makes the difference; None: it cannot be told."""


@dataclass(frozen=True)
class Found:
    """The cause of a difference.

    Attributes:
        causes: a smallest set of changes that makes the difference: without any one of them, it
            does not.
        runs: the number of subsets that were tried.
    """

    causes: frozenset[int]
    runs: int


def find_causes(count: int, differs: Differs) -> Found:
    """Return the changes that cause a difference which all of them together make.

    A single cause takes at most log2(count) + 1 runs. Causes that only differ together, and subsets
    that cannot be told, take delta debugging: Zeller and Hildebrandt, Simplifying and Isolating
    Failure-Inducing Input, 2002.

    Args:
        count: the number of changes, at least 1.
        differs: tries a subset; the empty one makes no difference.
    """
    known: dict[frozenset[int], bool | None] = {
        frozenset(): False,
        frozenset(range(count)): True,
    }
    runs = 0

    def tried(subset: frozenset[int]) -> bool | None:
        nonlocal runs
        if subset not in known:
            known[subset] = differs(subset)
            runs += 1
        return known[subset]

    suspects = _halved(range(count), tried)
    start = suspects if tried(suspects) else frozenset(range(count))
    return Found(_minimal(start, tried), runs)


def _halved(suspects: Sequence[int], tried: Differs) -> frozenset[int]:
    """Return the change at fault if there is only one, after log2 runs.

    Where a half cannot be told, the search ends with the changes that are left.
    """
    while len(suspects) > 1:
        half, rest = suspects[: len(suspects) // 2], suspects[len(suspects) // 2 :]
        outcome = tried(frozenset(half))
        if outcome is None:
            break
        suspects = half if outcome else rest
    return frozenset(suspects)


def _minimal(causes: frozenset[int], tried: Differs) -> frozenset[int]:
    """Return a subset that differs, and no longer does without any one of its changes."""
    parts = 2
    while len(causes) > 1:
        ordered, parts = sorted(causes), min(parts, len(causes))
        bounds = [len(ordered) * n // parts for n in range(parts + 1)]
        each = [frozenset(ordered[a:b]) for a, b in pairwise(bounds)]
        if smaller := next((part for part in each if tried(part)), None):
            causes, parts = smaller, 2
        elif smaller := next((causes - part for part in each if tried(causes - part)), None):
            causes, parts = smaller, max(parts - 1, 2)
        elif parts == len(causes):
            break
        else:
            parts *= 2
    return causes
