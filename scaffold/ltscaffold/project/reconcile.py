"""Reconcile the record of a project after `git merge`.

Git keeps the lines of both branches (`merge=union`): a component that both changed has two lines,
and one that a branch renamed has a line under each name.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from ltscaffold.errors import ScaffoldError
from ltscaffold.record.answers import ANSWERS_FILE, Answers, Component
from ltscaffold.templating import source

VersionOrder = Callable[[str], int]
"""The place of a version among all of them, the oldest first."""


def reconcile(project: Path, answers: Answers) -> tuple[Answers, list[str]]:
    """Return the record of a project with the lines of merged branches made one, and notes.

    Where branches were at different versions the older counts: what the newer templates changed
    is in the files, and a change that is there already merges with itself.

    Raises:
        ScaffoldError: if the branches have different components of one name.
    """
    order = source.versions(answers.source).index
    version = min(answers.versions, key=order)
    notes: list[str] = []
    lines: dict[str, list[Component]] = {}
    for component in answers.components:
        lines.setdefault(component.name, []).append(component)
    missing = [
        component for component in answers.components if _is_missing(project, answers, component)
    ]
    present = {component.name for component in answers.components if component not in missing}
    components = [_combine(same, present, order) for name, same in lines.items() if name in present]
    for position, component in enumerate(missing):
        if component.name not in present and component not in missing[:position]:
            components = _apply_to_renamed(component, components, order, notes)
    return replace(answers, version=version, components=components), notes


def _is_missing(project: Path, answers: Answers, component: Component) -> bool:
    return not any((project / answers.package / component.name).glob("*.py"))


def _combine(components: Sequence[Component], present: set[str], order: VersionOrder) -> Component:
    """Return one component for the lines of one name."""
    first = components[0]
    bases = dict.fromkeys(component.base for component in components)
    known = [base for base in bases if base in present] or list(bases)
    if len({component.type for component in components}) > 1 or len(known) > 1:
        raise ScaffoldError(
            f"{ANSWERS_FILE} names two different components {first.name} (merged branches?): "
            f"undo the merge, `ltscaffold rename {first.name}` on one branch, and merge again"
        )
    return replace(
        first,
        base=known[0],
        fragments=_union_of_fragments(components),
        template_version=min((i.template_version for i in components), key=order),
    )


def _union_of_fragments(components: Sequence[Component]) -> list[str]:
    """Return the parts of all, in the order of the first component."""
    return list(
        dict.fromkeys(fragment for component in components for fragment in component.fragments)
    )


def _apply_to_renamed(
    missing: Component, components: list[Component], order: VersionOrder, notes: list[str]
) -> list[Component]:
    """Return components with what a branch did to one that the other branch renamed."""
    named = [
        component
        for component in components
        if (component.type, component.group, component.base)
        == (missing.type, missing.group, missing.base)
        and set(component.fragments) <= set(missing.fragments)
    ]
    notes.append(f"{missing.name}: its package is gone, so it is off the record")
    if len(named) != 1:
        return components
    (other,) = named
    whole = replace(
        other,
        fragments=_union_of_fragments([other, missing]),
        template_version=min(other.template_version, missing.template_version, key=order),
    )
    return [whole if component == other else component for component in components]
