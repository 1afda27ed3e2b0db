"""Reconcile the record of a project after `git merge`.

Git keeps the lines of both branches (`merge=union`): a component that both changed has two lines,
and one that a branch renamed has a line under each name.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from ltscaffold.errors import ScaffoldError
from ltscaffold.project.components import source_files
from ltscaffold.record.answers import ANSWERS_FILE, Answers, Component
from ltscaffold.templating import source

VersionOrder = Callable[[str], int]
"""The position of a version among all versions, oldest first."""


def reconcile(project: Path, answers: Answers) -> tuple[Answers, list[str]]:
    """Return the record of a project without duplicates, and notes for the user.

    Of two versions the older counts: a change of the newer one that is already in the files merges
    with itself.

    Args:
        project: the folder of the project.
        answers: the record of the project, with the lines of both branches.

    Raises:
        ScaffoldError: if the branches have different components of the same name.
    """
    order = source.versions(answers.source).index
    version = min(answers.versions, key=order)
    notes: list[str] = []
    by_name: dict[str, list[Component]] = {}
    for component in answers.components:
        by_name.setdefault(component.name, []).append(component)
    missing = [each for each in answers.components if _is_missing(project, answers, each)]
    present = {component.name for component in answers.components if component not in missing}
    components = [
        _combine(same, present, order) for name, same in by_name.items() if name in present
    ]
    for position, component in enumerate(missing):
        if component.name not in present and component not in missing[:position]:
            components = _apply_to_renamed(component, components, order, notes)
    return replace(answers, version=version, components=components), notes


def _is_missing(project: Path, answers: Answers, component: Component) -> bool:
    return not source_files(project, answers, component)


def _combine(same: Sequence[Component], present: set[str], order: VersionOrder) -> Component:
    """Return one component for all lines of one name."""
    bases = dict.fromkeys(component.base for component in same)
    known = [base for base in bases if base in present] or list(bases)
    if len({component.type for component in same}) > 1 or len(known) > 1:
        name = same[0].name
        raise ScaffoldError(
            f"{ANSWERS_FILE} names two different components {name} (merged branches?); undo the "
            f"merge, `ltscaffold rename {name}` on one branch, and merge again"
        )
    return _union(replace(same[0], base=known[0]), same, order)


def _union(component: Component, same: Sequence[Component], order: VersionOrder) -> Component:
    """Return a component with the template fragments of all and the oldest of their versions."""
    fragments = list(dict.fromkeys(fragment for each in same for fragment in each.fragments))
    oldest = min((each.template_version for each in same), key=order)
    return replace(component, fragments=fragments, template_version=oldest)


def _apply_to_renamed(
    missing: Component, components: list[Component], order: VersionOrder, notes: list[str]
) -> list[Component]:
    """Return components, with one branch's changes applied to the name that the other gave."""
    key = (missing.type, missing.group, missing.base)
    renamed = [each for each in components if (each.type, each.group, each.base) == key]
    renamed = [each for each in renamed if set(each.fragments) <= set(missing.fragments)]
    notes.append(f"{missing.name}: removed from the record, since its package does not exist")
    if len(renamed) != 1:
        return components
    (other,) = renamed
    return [
        _union(other, [other, missing], order) if each == other else each for each in components
    ]
