"""The merge of two changed orders, where the order means something: Hydra's defaults list."""

from collections.abc import Sequence
from difflib import SequenceMatcher
from itertools import combinations

from ltscaffold.merge.units import Unit

Pairs = set[tuple[str, str]]
"""Pairs of keys of which the first is above the second."""


def merge_order(
    merged: Sequence[Unit], ours: Sequence[Unit], base: Sequence[Unit], theirs: Sequence[Unit]
) -> tuple[list[Unit], tuple[str, str] | None]:
    """Return merged units in an order that both sides agree with.

    Of two units, the side that changed their order wins; a new unit that replaces another one has
    its place.

    Args:
        merged: the units of the result.
        ours: the units as edited.
        base: the units as rendered before.
        theirs: the units as rendered now.

    Returns:
        The units, and None; or the units as they are, and keys that only theirs has in that order,
        if the two orders contradict each other.
    """
    before, after = [unit.key for unit in base], [unit.key for unit in theirs]
    kept = {unit.key for unit in merged}
    replaced = {new: old for new, old in _replaced(before, after) if old not in kept}
    names = {unit.key: replaced.get(unit.key, unit.key) for unit in merged}
    changed = _pairs([replaced.get(key, key) for key in after]) - _pairs(before)
    required = changed | {
        pair for pair in _pairs([unit.key for unit in ours]) if pair[::-1] not in changed
    }
    ordered, left = list[Unit](), list(merged)
    while left:
        waiting = {names[unit.key] for unit in left}
        free = (u for u in left if not any((key, names[u.key]) in required for key in waiting))
        unit = next(free, None)
        if unit is None:
            result = _pairs([*names.values()])
            return list(merged), min((p for p in changed if p[::-1] in result), default=None)
        ordered.append(unit)
        left.remove(unit)
    return ordered, None


def _pairs(keys: Sequence[str]) -> Pairs:
    return set(combinations(keys, 2))


def _replaced(before: Sequence[str], after: Sequence[str]) -> list[tuple[str, str]]:
    """Return pairs of a new key and a removed one that stood in its place."""
    changes = SequenceMatcher(None, before, after, autojunk=False).get_opcodes()
    return [
        (new, old)
        for _, i, end, j, new_end in changes
        if end - i == new_end - j
        for old, new in zip(before[i:end], after[j:new_end], strict=True)
        if new not in before and old not in after
    ]
