"""`ltscaffold new-callback`: a callback, its config and its test."""

from collections.abc import Sequence
from pathlib import Path

from ltscaffold.commands.new_item import Request, plan_new_item
from ltscaffold.kinds import CALLBACK, CALLBACK_BASE
from ltscaffold.plan import Plan


def plan_new_callback(
    project: Path, name: str, hooks: Sequence[str] = (), package: str | None = None
) -> Plan:
    """Plan to add a callback to a project; in a folder without one, the project around it, too.

    Args:
        project: an existing folder.
        name: name of the callback, in snake_case.
        hooks: methods to write stubs for.
        package: name of the folder of the items; a project that exists keeps its own.

    Raises:
        ScaffoldError: for what cannot be done.
    """
    return plan_new_item(project, Request(CALLBACK, name, CALLBACK_BASE, hooks), package)
