"""The merge of two versions of a list of named units: members of a class, keys of a mapping."""

import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ltscaffold.merge.draft import Draft, concatenate, review

MARKER = "marker"
"""Key of the comment under which new units go."""
MARKER_LINE = re.compile(r"\s*#.*\bgo below this line\b")


@dataclass(frozen=True)
class Unit:
    """A stretch of lines with a name.

    Attributes:
        key: the name; what has the same in two versions is compared.
        gap: the blank lines above.
        lead: the lines of comment above.
        text: its own lines.
        form: what it says whatever its layout.
        node: what the parser made of it.
        divisible: whether it has units of its own, which are merged in its place.
        draft: what is to be said of its lines once it is merged.
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
        """The unit as a text, its gap and comments included."""
        return concatenate([Draft(self.gap + self.lead), self.draft or Draft(self.text)])


Combine = Callable[[Unit, Unit, Unit], Draft]
"""The merge of a unit that both changed: ours, base and theirs."""


def number_duplicates(units: Iterable[Unit]) -> list[Unit]:
    """Return units with a number added to a name that was there before."""
    seen: Counter[str] = Counter()
    result = []
    for unit in units:
        seen[unit.key] += 1
        again = seen[unit.key] > 1
        result.append(replace(unit, key=f"{unit.key} ({seen[unit.key]})") if again else unit)
    return result


def split_comments(lines: Sequence[str], led: Unit | None) -> list[Unit]:
    """Return the comments above a unit, and it; the marker is a unit of its own.

    Args:
        lines: blank ones and comments.
        led: the unit below; None: the list ends here.
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
    """Split lines without code into the blank ones above and the comments."""
    first = next((i for i, line in enumerate(lines) if line.strip()), len(lines))
    return "".join(lines[:first]), "".join(lines[first:])


def _stripped(text: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in text.split("\n") if line.strip())


def merge_units(
    ours: Sequence[Unit], base: Sequence[Unit], theirs: Sequence[Unit], combine: Combine
) -> tuple[list[Unit], list[str]]:
    """Return the merged units, in the order that ours have, and notes of what stays deleted."""
    old_units, new_units = ({unit.key: unit for unit in units} for units in (base, theirs))
    merged = []
    for unit in ours:
        old, new = old_units.get(unit.key), new_units.get(unit.key)
        if new is not None:
            merged.append(_merge_unit(unit, old, new, combine))
        elif old is None:
            merged.append(unit)
        elif unit.form != old.form or _stripped(unit.lead) != _stripped(old.lead):
            message = f"{unit.key}: the template no longer has it; yours is kept"
            merged.append(replace(unit, draft=review(unit.text, message)))
    our_keys = {unit.key for unit in ours}
    notes = [
        f"{key}: deleted here, and stays so; the template changed it"
        for key in old_units
        if key not in our_keys and key in new_units and new_units[key].form != old_units[key].form
    ]
    _insert_new(merged, [unit.key for unit in theirs], new_units, our_keys | old_units.keys())
    return merged, notes


def _merge_unit(ours: Unit, base: Unit | None, theirs: Unit, combine: Combine) -> Unit:
    """Merge a unit that both have."""
    if base is None:
        if ours.form == theirs.form:
            return ours
        message = f"{ours.key}: the template now has one, too; yours is kept"
        return replace(ours, draft=review(ours.text, message))
    gap, lead = (
        pick_changed(ours.gap, base.gap, theirs.gap),
        pick_changed(ours.lead, base.lead, theirs.lead),
    )
    untouched = not ours.divisible and ours.form == base.form != theirs.form
    if ours.text == base.text or untouched:
        return replace(ours, gap=gap, lead=lead, text=theirs.text, form=theirs.form)
    if ours.form == theirs.form or base.form == theirs.form:
        return replace(ours, gap=gap, lead=lead)
    return replace(ours, gap=gap, lead=lead, draft=combine(ours, base, theirs))


def _insert_new(
    merged: list[Unit], order: Sequence[str], new_units: dict[str, Unit], known: set[str]
) -> None:
    """Put each new unit of theirs below the one that it follows there."""
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
        merged.insert(position, new_units[key])


def pick_changed(ours: str, base: str, theirs: str) -> str:
    """Return theirs where ours was not changed."""
    return theirs if ours == base else ours
