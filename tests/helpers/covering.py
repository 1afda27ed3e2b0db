"""Pairwise covering arrays: for any two parts, sets with both, either one, and none of them."""

from collections.abc import Iterator, Sequence
from itertools import combinations, count
from math import comb


def covering_array(parts: Sequence[str]) -> list[list[str]]:
    """Return the fewest sets that cover all pairs, after Kleitman and Spencer; the first has all.

    Each part is in the first set and in half of the sets in all, no two parts in the same ones.
    Two halves that share a set leave one out, and of two halves neither holds the other.
    """
    number = next(n for n in count(2) if comb(n - 1, n // 2 - 1) >= len(parts))
    rows: list[list[str]] = [[] for _ in range(number)]
    halves = combinations(range(1, number), number // 2 - 1)
    for part, others in zip(parts, halves, strict=False):
        for row in (0, *others):
            rows[row].append(part)
    return rows


def uncovered(
    rows: Sequence[Sequence[str]], parts: Sequence[str]
) -> Iterator[tuple[str, str, bool, bool]]:
    """Yield each two parts with a combination of theirs, present or absent, that no row has."""
    sets = [set(row) for row in rows]
    for one, other in combinations(parts, 2):
        found = {(one in row, other in row) for row in sets}
        for combination in ((True, True), (True, False), (False, True), (False, False)):
            if combination not in found:
                yield one, other, *combination
