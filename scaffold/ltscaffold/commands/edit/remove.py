"""`ltscaffold remove`: delete a component."""

from pathlib import Path

from ltscaffold.errors import EditLossError, ScaffoldError
from ltscaffold.project.components import component_files, plan_components
from ltscaffold.project.merge_files import is_edited
from ltscaffold.project.shell.parts import parts_that_need
from ltscaffold.record.answers import Answers, Component, read_project
from ltscaffold.record.component_types import SHELL
from ltscaffold.templating.catalog import read_catalog
from ltscaffold.templating.render import Files
from ltscaffold.writing.plan import Change, Plan, compute_changes, read


def plan_remove(project: Path, name: str, force: bool = False) -> Plan:
    """Plan to delete the files of a component.

    Args:
        project: the folder of the project.
        name: the component.
        force: also delete edited files; `undo` restores them.

    Raises:
        EditLossError: if a file was edited and `force` is false.
        ScaffoldError: if the component does not exist, or another is based on it.
    """
    answers = read_project(project)
    component = answers.component(name)
    if heir := next((other.name for other in answers.components if other.base == name), None):
        raise ScaffoldError(
            f"cannot remove '{name}': '{heir}' is based on it; remove '{heir}' first"
        )
    if component.type == SHELL.name:
        check_not_needed(answers, component)
    files = component_files(project, answers, component)
    edits = user_edits(project, files)
    if edits and not force:
        raise EditLossError(
            f"cannot remove '{name}': you edited {', '.join(edit.path for edit in edits)}; "
            "--force deletes edited files, and undo restores them",
            "".join(edit.diff() for edit in edits),
        )
    plan = plan_components(f"remove {name}", project, answers, answers.with_replaced(component))
    kept = compute_changes(project, {edit.path: None for edit in edits})
    return Plan(plan.command, sorted([*plan.changes, *kept], key=lambda change: change.path))


def check_not_needed(answers: Answers, part: Component) -> None:
    """Raise ScaffoldError if another part of the shell needs a part."""
    if needing := parts_that_need(read_catalog(answers), answers, part):
        raise ScaffoldError(
            f"cannot remove '{part.name}': '{needing[0]}' needs it; remove '{needing[0]}' first"
        )


def user_edits(project: Path, files: Files) -> list[Change]:
    """Return the edits of the user as changes, by path; a missing file is not an edit.

    Args:
        project: the folder of the project.
        files: the files as rendered.
    """
    return [
        Change(path, text.encode(), read(project, path))
        for path, text in sorted(files.items())
        if is_edited(project, path, text)
    ]
