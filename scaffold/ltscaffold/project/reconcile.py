"""What `git merge` leaves in the record of a project, and what it stands for.

Git unites the lines of both branches (`merge=union`), so an item that both changed is named twice,
and one that a branch renamed is named under both names.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from ltscaffold.errors import ScaffoldError
from ltscaffold.record.answers import ANSWERS_FILE, Answers, Item
from ltscaffold.templating import source

Age = Callable[[str], int]
"""The place of a version among all of them, the oldest first."""


def reconcile(project: Path, answers: Answers) -> tuple[Answers, list[str]]:
    """Return the record of a project with the lines of merged branches made one, and notes.

    Where branches were at different versions the older counts: what the newer templates changed
    is in the files, and a change that is there already merges with itself.

    Raises:
        ScaffoldError: if the branches have different items of one name.
    """
    age = source.versions(answers.source).index
    version = min(answers.versions, key=age)
    notes: list[str] = []
    lines: dict[str, list[Item]] = {}
    for item in answers.items:
        lines.setdefault(item.name, []).append(item)
    gone = [item for item in answers.items if _is_gone(project, answers, item)]
    present = {item.name for item in answers.items if item not in gone}
    items = [_united(same, present, age) for name, same in lines.items() if name in present]
    for position, item in enumerate(gone):
        if item.name not in present and item not in gone[:position]:
            items = _without_gone(item, items, age, notes)
    return replace(answers, version=version, items=items), notes


def _is_gone(project: Path, answers: Answers, item: Item) -> bool:
    return not any((project / answers.package / item.name).glob("*.py"))


def _united(items: Sequence[Item], present: set[str], age: Age) -> Item:
    """Return one item for the lines of one name."""
    first = items[0]
    bases = dict.fromkeys(item.base for item in items)
    known = [base for base in bases if base in present] or list(bases)
    if len({item.kind for item in items}) > 1 or len(known) > 1:
        raise ScaffoldError(
            f"{ANSWERS_FILE} names two different items {first.name} (merged branches?): undo the "
            f"merge, `ltscaffold rename {first.name}` on one branch, and merge again"
        )
    return replace(first, base=known[0], parts=_parts(items), v=min((i.v for i in items), key=age))


def _parts(items: Sequence[Item]) -> list[str]:
    """Return the parts of all, in the order of the first item."""
    return list(dict.fromkeys(part for item in items for part in item.parts))


def _without_gone(gone: Item, items: list[Item], age: Age, notes: list[str]) -> list[Item]:
    """Return items with what a branch did to one that the other branch renamed."""
    named = [
        item
        for item in items
        if (item.kind, item.group, item.base) == (gone.kind, gone.group, gone.base)
        and set(item.parts) <= set(gone.parts)
    ]
    notes.append(f"{gone.name}: its package is gone, so it is off the record")
    if len(named) != 1:
        return items
    (other,) = named
    whole = replace(other, parts=_parts([other, gone]), v=min(other.v, gone.v, key=age))
    return [whole if item == other else item for item in items]
