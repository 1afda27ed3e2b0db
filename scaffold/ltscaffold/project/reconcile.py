"""Reconcile the record of a project after `git merge`.

Git keeps the lines of both branches (`merge=union`): a component that both changed has two lines,
and one that a branch renamed has a line under each name.
"""

from collections.abc import Callable, Container, Sequence
from dataclasses import replace
from pathlib import Path

from ltscaffold.errors import ScaffoldError
from ltscaffold.project.components import component_files, source_files
from ltscaffold.record.answers import ANSWERS_FILE, Answers, Component
from ltscaffold.templating import source
from ltscaffold.writing.plan import read

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
    present: dict[str, list[Component]] = {}
    missing: list[Component] = []
    for component in answers.components:
        if _has_files(project, answers, component):
            present.setdefault(component.name, []).append(component)
        elif component not in missing:
            missing.append(component)
    components = [_combine(same, present, order) for same in present.values()]
    for component in missing:
        if component.name not in present:
            components = _apply_to_renamed(component, components, order, notes)
    return replace(answers, version=version, components=components), notes


def _has_files(project: Path, answers: Answers, component: Component) -> bool:
    if component.has_code:
        return bool(source_files(project, answers, component))
    files = component_files(project, answers, component)
    return any(read(project, path) is not None for path in files)


def _combine(same: Sequence[Component], present: Container[str], order: VersionOrder) -> Component:
    """Return one component for all lines of one name, with the fragments of all.

    Args:
        same: the components of that name, at least one.
        present: names of the components that have files: of two bases, one that has none, since a
            branch renamed it, does not count.
        order: the order of the versions.

    Raises:
        ScaffoldError: if they differ in type, folder or base.
    """
    bases = dict.fromkeys(component.base for component in same)
    known = [base for base in bases if base in present] or list(bases)
    if len({(each.type, each.folder) for each in same}) > 1 or len(known) > 1:
        name = same[0].name
        raise ScaffoldError(
            f"{ANSWERS_FILE} names two different components {name} (merged branches?); undo the "
            f"merge, `ltscaffold rename {name}` on one branch, and merge again"
        )
    return _union(replace(same[0], base=known[0]), same, order)


def _union(component: Component, same: Sequence[Component], order: VersionOrder) -> Component:
    """Return a component with the template fragments of several, and the oldest of their versions.

    Args:
        component: the component to change.
        same: the components whose fragments and versions count.
        order: the order of the versions.
    """
    fragments = list(dict.fromkeys(fragment for each in same for fragment in each.fragments))
    oldest = min((each.template_version for each in same), key=order)
    return replace(component, fragments=fragments, template_version=oldest)


def _apply_to_renamed(
    missing: Component, components: list[Component], order: VersionOrder, notes: list[str]
) -> list[Component]:
    """Return components, with the fragments of one without files moved to its new name.

    One branch has renamed the component, the other one has changed it under its former name.

    Args:
        missing: the component under its former name, without files.
        components: the components with files; one of them may be its new name, if it is of the
            same type, folder, group and base, and has no other fragments.
        order: the order of the versions.
        notes: gets a note about the former name.
    """
    key = (missing.type, missing.folder, missing.group, missing.base)
    renamed = [
        each
        for each in components
        if (each.type, each.folder, each.group, each.base) == key
        and set(each.fragments) <= set(missing.fragments)
    ]
    notes.append(f"{missing.name}: removed from the record, since its package does not exist")
    if len(renamed) != 1:
        return components
    (other,) = renamed
    return [
        _union(other, [other, missing], order) if each == other else each for each in components
    ]
