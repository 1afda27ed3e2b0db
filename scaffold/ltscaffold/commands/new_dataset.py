"""`ltscaffold new-dataset`: a data module, its config and its test."""

from collections.abc import Sequence
from pathlib import Path

from ltscaffold.commands.new_item import Request, plan_new_item
from ltscaffold.kinds import DATASET
from ltscaffold.plan import Plan


def plan_new_dataset(
    project: Path,
    name: str,
    base: str,
    hooks: Sequence[str] = (),
    package: str | None = None,
) -> Plan:
    """Plan to add a dataset to a project; in a folder without one, the project around it, too.

    Args:
        project: an existing folder.
        name: name of the dataset, in snake_case.
        base: the task of the runtime that it is for.
        hooks: methods to write stubs for.
        package: name of the folder of the items; a project that exists keeps its own.

    Raises:
        ScaffoldError: for what cannot be done.
    """
    return plan_new_item(project, Request(DATASET, name, base, hooks), package)
