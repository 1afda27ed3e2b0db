"""The three-way merge of lists of named units: members of a class, keys of a mapping."""

import ast
import re
from collections import Counter
from collections.abc import Callable, Container, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Any

from ltscaffold.merge.draft import Draft, concatenate, review

MARKER = "marker"
"""Key of the comment below which new units are inserted."""
MARKER_LINE = re.compile(r"\s*#.*\bgo below this line\b")


@dataclass(frozen=True)
class Unit:
    """Lines with a name, such as a method or a key of a mapping.

    Attributes:
        key: the name; units with the same key in two versions are compared.
        gap: the blank lines above.
        lead: the comment lines above.
        text: its lines.
        form: its normal form, independent of layout; equal forms mean the same.
        node: the statement, or the block of a YAML collection; None for all other units.
        divisible: whether it has units of its own, which are merged instead.
        draft: the merged lines with their marks; None until merged.
    """

    key: str
    gap: str
    lead: str
    text: str
    form: Hashable
    node: Any = None
    divisible: bool = False
    draft: Draft | None = None

    @property
    def merged(self) -> Draft:
        """The unit as a draft, its gap and comments included."""
        return concatenate([Draft(self.gap + self.lead), self.draft or Draft(self.text)])


Combine = Callable[[Unit, Unit, Unit], Draft]
"""Merges a unit that both sides changed: (ours, base, theirs) to a draft."""


def number_duplicates(units: Iterable[Unit]) -> list[Unit]:
    """Return units with unique keys: ` (2)`, ` (3)` … is appended to a repeated one."""
    seen: Counter[str] = Counter()
    result = []
    for unit in units:
        seen[unit.key] += 1
        again = seen[unit.key] > 1
        result.append(replace(unit, key=f"{unit.key} ({seen[unit.key]})") if again else unit)
    return result


def split_comments(lines: Sequence[str], led: Unit | None) -> list[Unit]:
    """Return the comments above a unit, and the unit; the marker is a unit of its own.

    Args:
        lines: blank lines and comments.
        led: the unit below; None at the end of the list.

    Returns:
        Up to two units: the marker, and `led` with its gap and lead, or the rest of the lines.
    """
    units = []
    marker = next((i for i, line in enumerate(lines) if MARKER_LINE.match(line)), None)
    if marker is not None:
        gap, lead = _gap_and_lead(lines[:marker])
        units.append(Unit(MARKER, gap, lead, lines[marker], lines[marker].strip()))
        lines = lines[marker + 1 :]
    gap, lead = _gap_and_lead(lines)
    if led is not None:
        units.append(replace(led, gap=gap, lead=lead))
    elif lead.strip():
        units.append(Unit("comment", gap, "", lead, _stripped(lead)))
    elif gap and units:
        units.append(Unit("blank lines", gap, "", "", ""))
    return units


def _gap_and_lead(lines: Sequence[str]) -> tuple[str, str]:
    """Split lines without code into leading blank lines and comments."""
    first = next((i for i, line in enumerate(lines) if line.strip()), len(lines))
    return "".join(lines[:first]), "".join(lines[first:])


def _stripped(text: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in text.split("\n") if line.strip())


def merge_units(
    ours: Sequence[Unit],
    base: Sequence[Unit],
    theirs: Sequence[Unit],
    combine: Combine,
    kept: Container[str] = (),
) -> tuple[list[Unit], list[str]]:
    """Return the merged units and notes about units deleted in ours.

    The order is that of theirs, unless the user changed it; a unit that only ours has stays below
    the one that precedes it.

    Args:
        ours: the units as edited.
        base: the units as rendered before.
        theirs: the units as rendered now.
        combine: merges a unit that both sides changed.
        kept: keys of units to keep though theirs removed them.
    """
    old_units, new_units = ({unit.key: unit for unit in units} for units in (base, theirs))
    generated = {line for unit in base for line in _stripped(unit.lead)}
    merged = []
    for unit in _reorder(ours, base, theirs):
        old, new = old_units.get(unit.key), new_units.get(unit.key)
        if new is not None:
            merged.append(_merge_unit(unit, old, new, combine))
        elif old is None:
            merged.append(unit)
        elif unit.form != old.form or not generated.issuperset(_stripped(unit.lead)):
            message = f"{unit.key}: the template removed it; yours is kept"
            merged.append(replace(unit, draft=review(unit.text, message)))
        elif unit.key in kept:
            message = f"{unit.key}: the template removed it; kept, since your code uses it"
            merged.append(replace(unit, draft=review(unit.text, message)))
    our_keys = {unit.key for unit in ours}
    notes = [
        f"{key}: you deleted it; the change of the template is not applied"
        for key in old_units
        if key not in our_keys and key in new_units and new_units[key].form != old_units[key].form
    ]
    _insert_new(merged, [unit.key for unit in theirs], new_units, our_keys | old_units.keys())
    return merged, notes


def _reorder(ours: Sequence[Unit], base: Sequence[Unit], theirs: Sequence[Unit]) -> list[Unit]:
    """Return the units of ours, in the order of theirs if only the template changed the order.

    A unit that only ours has stays below the one that precedes it.
    """
    common = {unit.key for unit in ours} & {unit.key for unit in base}
    mine, old = ([unit.key for unit in units if unit.key in common] for units in (ours, base))
    positions = {unit.key: place for place, unit in enumerate(theirs) if unit.key in common}
    shared = [key for key in mine if key in positions]
    if mine != old or shared == sorted(shared, key=positions.__getitem__):
        return list(ours)
    head, *groups = _split_before(ours, positions.keys())
    groups.sort(key=lambda group: positions[group[0].key])
    first, *rest = [unit for group in (head, *groups) for unit in group]
    top = ours[0]  # no blank line precedes the first unit
    return [
        replace(first, gap=top.gap),
        *(replace(unit, gap=first.gap) if unit is top else unit for unit in rest),
    ]


def _split_before(units: Sequence[Unit], keys: Container[str]) -> list[list[Unit]]:
    """Split units into groups; each but the first begins with a unit whose key is in `keys`."""
    groups: list[list[Unit]] = [[]]
    for unit in units:
        if unit.key in keys:
            groups.append([])
        groups[-1].append(unit)
    return groups


def _merge_unit(ours: Unit, base: Unit | None, theirs: Unit, combine: Combine) -> Unit:
    """Merge a unit that ours and theirs have.

    Args:
        ours: the unit as edited.
        base: as rendered before; None if both sides have added it.
        theirs: as rendered now.
        combine: merges a unit that both sides changed.
    """
    if base is None:
        if ours.form == theirs.form:
            return ours
        message = f"{ours.key}: the template added one too; yours is kept"
        return replace(ours, draft=review(ours.text, message))
    gap = pick_changed(ours.gap, base.gap, theirs.gap)
    lead = pick_changed(ours.lead, base.lead, theirs.lead)
    untouched = not ours.divisible and ours.form == base.form != theirs.form
    if ours.text == base.text or untouched:
        return replace(ours, gap=gap, lead=lead, text=theirs.text, form=theirs.form)
    if ours.form == theirs.form or base.form == theirs.form:
        return replace(ours, gap=gap, lead=lead)
    return replace(ours, gap=gap, lead=lead, draft=combine(ours, base, theirs))


def _insert_new(
    merged: list[Unit], order: Sequence[str], new_units: dict[str, Unit], known: set[str]
) -> None:
    """Insert each new unit of theirs below the unit that precedes it there.

    Args:
        merged: the merged units, changed in place.
        order: the keys of theirs, in order.
        new_units: the units of theirs by key.
        known: keys of ours and base, which are not inserted.
    """
    for index, key in enumerate(order):
        if key in known:
            continue
        positions = {unit.key: position for position, unit in enumerate(merged)}
        before = next((k for k in reversed(order[:index]) if k in positions or k == MARKER), None)
        if before == MARKER and MARKER not in positions:
            position = len(merged)
        elif before is not None:
            position = positions[before] + 1
        else:
            after = (positions[k] for k in order[index + 1 :] if k in positions)
            position = next(after, len(merged))
        if _is_definition(new_units[key]):  # it goes below fields that only ours has
            own = takewhile(lambda unit: _is_own_field(unit, order), merged[position:])
            position += len(list(own))
        merged.insert(position, new_units[key])


def _is_own_field(unit: Unit, order: Sequence[str]) -> bool:
    return unit.node is not None and unit.key not in order and not _is_definition(unit)


def _is_definition(unit: Unit) -> bool:
    return isinstance(unit.node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)


def pick_changed(ours: str, base: str, theirs: str) -> str:
    """Return `theirs` if `ours` equals `base`, else `ours`."""
    return theirs if ours == base else ours
