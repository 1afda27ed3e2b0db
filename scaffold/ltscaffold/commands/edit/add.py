"""`ltscaffold add`: more hooks and recipes for an item that exists."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ltscaffold.errors import ScaffoldError
from ltscaffold.project.components import item_plan
from ltscaffold.project.validation import checked_parts
from ltscaffold.record.answers import read_project
from ltscaffold.templating.catalog import catalog_of
from ltscaffold.writing.plan import Plan


def plan_add(
    project: Path, name: str, hooks: Sequence[str] = (), recipes: Sequence[str] = ()
) -> Plan:
    """Plan to give an item more hooks and recipes; they are merged into the edited files.

    Args:
        project: the folder of the project.
        name: the item.
        hooks: methods to write stubs for.
        recipes: ready-made customisations to write.

    Raises:
        ScaffoldError: for an unknown name, or if there is nothing to add.
    """
    answers = read_project(project)
    item = answers.item(name)
    catalog = catalog_of(answers, item.v)
    parts = checked_parts(catalog, answers, item, hooks, recipes)
    if not parts:
        raise ScaffoldError("there is nothing to add: name a --hook or a --recipe")
    taken = [part.rpartition("/")[2] for part in parts if part in item.parts]
    if taken:
        raise ScaffoldError(f"{name} has {', '.join(taken)} already: leave it out")
    new = answers.with_replaced(item, replace(item, parts=[*item.parts, *parts]))
    return item_plan(f"add {name}", project, answers, new)
