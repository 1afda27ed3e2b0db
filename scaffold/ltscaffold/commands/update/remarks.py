"""What an update says and does besides merging: codemods, removed hooks, news of the templates."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ltscaffold.commands.update.codemods import CODEMODS, run_codemods
from ltscaffold.git import ignored
from ltscaffold.project.components import item_files
from ltscaffold.project.diagnostics import IGNORED
from ltscaffold.project.own_partials import ejected_changes
from ltscaffold.project.removed_hooks import removed_hooks
from ltscaffold.record.answers import Answers, Item
from ltscaffold.record.component_types import COMPONENT_TYPES
from ltscaffold.templating import source
from ltscaffold.templating.changelog import news
from ltscaffold.writing.plan import Plan, read


def with_remarks(project: Path, plan: Plan, old: Answers, new: Answers) -> Plan:
    """Return a plan with the codemods of new versions, and with what the user should know."""
    moved = [item for item in new.items if item not in old.items]
    passed = versions_passed(old, new)
    files = python_files(project, new, moved)
    codemods = [codemod for codemod in CODEMODS if codemod.version in passed]
    if codemods:
        tests = [path for path in item_files(new, *moved) if path.endswith(".py")]
        plan = run_codemods(project, plan, sorted({*files, *tests}), codemods)
    hidden = ignored(project, [change.path for change in plan.changes])
    notes = [
        *plan.notes,
        *(f"{path}: {IGNORED}" for path in hidden),
        *ejected_changes(project, new, old.version, new.version),
        *news(source.checkout(new.source, passed[-1] if passed else new.version), passed),
    ]
    kinds = {COMPONENT_TYPES[item.kind].class_name(item.name): item.kind for item in moved}
    planned = {change.path: change.after for change in plan.changes}
    removed = [
        place
        for path in files
        for place in removed_hooks(path, planned.get(path, read(project, path)) or b"", kinds)
    ]
    return replace(plan, notes=notes, reviews=[*plan.reviews, *removed])


def versions_passed(old: Answers, new: Answers) -> list[str]:
    """Return the versions after the oldest that a project leaves, up to the one it reaches."""
    versions = source.versions(new.source)
    left, reached = (
        {versions.index(v) for v in (answers.version, *(item.v for item in answers.items))}
        for answers in (old, new)
    )
    return versions[min(left) + 1 : max(reached) + 1]


def python_files(project: Path, answers: Answers, items: Sequence[Item]) -> list[str]:
    """Return the Python files in the packages of items, the user's own among them."""
    folders = (project / answers.package / item.name for item in items)
    files = (path for folder in folders for path in sorted(folder.rglob("*.py")))
    return [path.relative_to(project).as_posix() for path in files]
