"""`ltscaffold remove`: take a component out of a project."""

from pathlib import Path

from ltscaffold.errors import EditLossError, ScaffoldError
from ltscaffold.project.components import component_files, plan_components
from ltscaffold.project.merge_files import is_edited
from ltscaffold.record.answers import read_project
from ltscaffold.templating.render import Files
from ltscaffold.writing.plan import Change, Plan, compute_changes, read


def plan_remove(project: Path, name: str, force: bool = False) -> Plan:
    """Plan to delete the files of a component; what else the project has stays, its skeleton too.

    Args:
        project: the folder of the project.
        name: the component.
        force: delete edited files, too; `undo` brings them back.

    Raises:
        EditsInTheWayError: if a file was edited, unless forced.
        ScaffoldError: if there is no such component, or another is based on it.
    """
    answers = read_project(project)
    component = answers.component(name)
    dependants = [other.name for other in answers.components if other.base == name]
    if dependants:
        raise ScaffoldError(f"{', '.join(dependants)}: based on {name}; remove that first")
    files = component_files(answers, component)
    edits = user_edits(project, files)
    if edits and not force:
        raise EditLossError(
            f"{', '.join(edit.path for edit in edits)}: edited since it was generated; "
            "--force deletes it all the same, and undo brings it back",
            "".join(edit.diff() for edit in edits),
        )
    plan = plan_components(f"remove {name}", project, answers, answers.with_replaced(component))
    kept = compute_changes(project, {edit.path: None for edit in edits})
    return Plan(plan.command, sorted([*plan.changes, *kept], key=lambda change: change.path))


def user_edits(project: Path, files: Files) -> list[Change]:
    """Return what a user changed in files since they were rendered; a missing file is no edit."""
    return [
        Change(path, text.encode(), read(project, path))
        for path, text in sorted(files.items())
        if is_edited(project, path, text)
    ]
