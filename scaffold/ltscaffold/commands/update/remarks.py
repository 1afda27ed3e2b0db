"""What an update says and does besides merging: codemods, removed hooks, news of the templates."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ltscaffold.commands.update.codemods import CODEMODS, run_codemods
from ltscaffold.git import ignored_paths
from ltscaffold.project.components import component_files
from ltscaffold.project.diagnostics import IGNORED_BY_GIT
from ltscaffold.project.project_fragments import ejected_changes
from ltscaffold.project.removed_hooks import removed_hooks
from ltscaffold.record.answers import Answers, Component
from ltscaffold.record.component_types import COMPONENT_TYPES
from ltscaffold.templating import source
from ltscaffold.templating.changelog import release_notes
from ltscaffold.writing.plan import Plan, read


def with_remarks(project: Path, plan: Plan, old: Answers, new: Answers) -> Plan:
    """Return a plan with the codemods of new versions, and with what the user should know."""
    moved = [component for component in new.components if component not in old.components]
    passed = versions_passed(old, new)
    files = python_files(project, new, moved)
    codemods = [codemod for codemod in CODEMODS if codemod.version in passed]
    if codemods:
        tests = [path for path in component_files(new, *moved) if path.endswith(".py")]
        plan = run_codemods(project, plan, sorted({*files, *tests}), codemods)
    hidden = ignored_paths(project, [change.path for change in plan.changes])
    notes = [
        *plan.notes,
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


def versions_passed(old: Answers, new: Answers) -> list[str]:
    """Return the versions after the oldest that a project leaves, up to the one it reaches."""
    versions = source.versions(new.source)
    left, reached = (map(versions.index, each.template_versions) for each in (old, new))
    return versions[min(left) + 1 : max(reached) + 1]


def python_files(project: Path, answers: Answers, components: Sequence[Component]) -> list[str]:
    """Return the Python files in the packages of components, the user's own among them."""
    folders = (project / answers.package / component.name for component in components)
    files = (path for folder in folders for path in sorted(folder.rglob("*.py")))
    return [path.relative_to(project).as_posix() for path in files]
