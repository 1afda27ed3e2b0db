"""The parts of an update besides the merge: codemods, removed hooks and release notes."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ltscaffold.commands.update.codemods import CODEMODS, run_codemods
from ltscaffold.git import ignored_paths
from ltscaffold.project.components import component_files, source_files
from ltscaffold.project.diagnostics import IGNORED_BY_GIT
from ltscaffold.project.project_fragments import ejected_changes
from ltscaffold.project.python_code import sources
from ltscaffold.project.removed_hooks import removed_hooks
from ltscaffold.record.answers import Answers, Component
from ltscaffold.record.component_types import COMPONENT_TYPES
from ltscaffold.templating import source
from ltscaffold.templating.changelog import release_notes
from ltscaffold.writing.plan import Plan, read


def with_remarks(
    project: Path, plan: Plan, old: Answers, new: Answers, names: Sequence[str] = ()
) -> Plan:
    """Return a plan with the codemods of versions, and with notes and reviews for the user.

    The codemods of all versions up to the project's run, since plain `copier update` runs none.

    Args:
        project: the folder of the project.
        plan: the plan of the merge.
        old: the current record of the project.
        new: the record after the update.
        names: the components whose files the codemods may change; empty: the whole project.
    """
    moved = new.not_in(old)
    versions = source.versions(new.source)
    left, reached = (map(versions.index, each.template_versions) for each in (old, new))
    until = max(reached) + 1
    passed = versions[min(left) + 1 : until]
    codemods = [codemod for codemod in CODEMODS if codemod.version in versions[:until]]
    if codemods:
        chosen = [new.component(name) for name in names] or new.components
        others = component_files(project, new, *chosen) if names else sources(project)
        paths = {*python_files(project, new, chosen), *others}
        plan = run_codemods(project, plan, paths, codemods)
    files = python_files(project, new, moved)
    hidden = ignored_paths(project, [change.path for change in plan.changes])
    notes = [
        *plan.notes,
        *source.untagged_commit(new.source),
        *(f"{path}: {IGNORED_BY_GIT}" for path in hidden),
        *ejected_changes(project, new, old.version, new.version),
        *release_notes(source.checkout(new.source, passed[-1] if passed else new.version), passed),
    ]
    types = {COMPONENT_TYPES[each.type].class_name(each.name): each.type for each in moved}
    planned = {change.path: change.after for change in plan.changes}
    removed = [
        place
        for path in files
        for place in removed_hooks(path, planned.get(path, read(project, path)) or b"", types)
    ]
    return replace(plan, notes=notes, reviews=[*plan.reviews, *removed])


def python_files(project: Path, answers: Answers, components: Sequence[Component]) -> list[str]:
    """Return the Python files in the packages of components, the user's own among them."""
    return [path for each in components for path in source_files(project, answers, each)]
