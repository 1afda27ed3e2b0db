"""What an update says and does besides merging: codemods, removed hooks, news of the templates."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ltscaffold.commands.update.codemods import CODEMODS, run_codemods, sources
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


def with_remarks(
    project: Path, plan: Plan, old: Answers, new: Answers, names: Sequence[str] = ()
) -> Plan:
    """Return a plan with the codemods of versions, and with what the user should know.

    The codemods of all versions up to the project's run, since plain `copier update` runs none.

    Args:
        project: the folder of the project.
        plan: what the merge changes.
        old: what the project records now.
        new: what it is to record.
        names: the items whose files the codemods change, in place of the whole project's.
    """
    moved = [item for item in new.items if item not in old.items]
    versions = source.versions(new.source)
    left, reached = (
        {versions.index(v) for v in (answers.version, *(item.v for item in answers.items))}
        for answers in (old, new)
    )
    passed = versions[min(left) + 1 : max(reached) + 1]
    codemods = [each for each in CODEMODS if each.version in versions[: max(reached) + 1]]
    if codemods:
        items = [new.item(name) for name in names] or new.items
        others = item_files(new, *items) if names else sources(project)
        paths = {*python_files(project, new, items), *others}
        plan = run_codemods(project, plan, paths, codemods)
    files = python_files(project, new, moved)
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


def python_files(project: Path, answers: Answers, items: Sequence[Item]) -> list[str]:
    """Return the Python files in the packages of items, the user's own among them."""
    folders = (project / answers.package / item.name for item in items)
    files = (path for folder in folders for path in sorted(folder.rglob("*.py")))
    return [path.relative_to(project).as_posix() for path in files]
