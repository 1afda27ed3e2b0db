"""`ltscaffold new-task`: a task class, its config and its test."""

from collections.abc import Sequence
from pathlib import Path

from ltscaffold.commands.new_item import Request, plan_new_item
from ltscaffold.kinds import TASK
from ltscaffold.plan import Plan


def plan_new_task(
    project: Path,
    name: str,
    base: str,
    hooks: Sequence[str] = (),
    recipes: Sequence[str] = (),
    package: str | None = None,
) -> Plan:
    """Plan to add a task to a project; in a folder without one, the project around it, too.

    Args:
        project: an existing folder.
        name: name of the task, in snake_case.
        base: the task to build on, of the runtime or of the project.
        hooks: methods to write stubs for.
        recipes: ready-made customisations to write.
        package: name of the folder of the tasks; a project that exists keeps its own.

    Raises:
        ScaffoldError: for what cannot be done.
    """
    return plan_new_item(project, Request(TASK, name, base, hooks, recipes), package)
