"""`ltscaffold remove`: take an item out of a project."""

from pathlib import Path

from ltscaffold.errors import EditsInTheWayError, ScaffoldError
from ltscaffold.project.components import item_files, item_plan
from ltscaffold.project.merge_files import is_edited
from ltscaffold.record.answers import read_project
from ltscaffold.templating.render import Files
from ltscaffold.writing.plan import Change, Plan, changes_of, read


def plan_remove(project: Path, name: str, force: bool = False) -> Plan:
    """Plan to delete the files of an item; what else the project has stays, its skeleton too.

    Args:
        project: the folder of the project.
        name: the item.
        force: delete edited files, too; `undo` brings them back.

    Raises:
        EditsInTheWayError: if a file was edited, unless forced.
        ScaffoldError: if there is no such item, or another is based on it.
    """
    answers = read_project(project)
    item = answers.item(name)
    dependants = [other.name for other in answers.items if other.base == name]
    if dependants:
        raise ScaffoldError(f"{', '.join(dependants)}: based on {name}; remove that first")
    files = item_files(answers, item)
    edits = edits_of(project, files)
    if edits and not force:
        raise EditsInTheWayError(
            f"{', '.join(edit.path for edit in edits)}: edited since it was generated; "
            "--force deletes it all the same, and undo brings it back",
            "".join(edit.diff() for edit in edits),
        )
    plan = item_plan(f"remove {name}", project, answers, answers.with_replaced(item))
    kept = changes_of(project, {edit.path: None for edit in edits})
    return Plan(plan.command, sorted([*plan.changes, *kept], key=lambda change: change.path))


def edits_of(project: Path, files: Files) -> list[Change]:
    """Return what a user changed in files since they were rendered; a missing file is no edit."""
    return [
        Change(path, text.encode(), read(project, path))
        for path, text in sorted(files.items())
        if is_edited(project, path, text)
    ]
