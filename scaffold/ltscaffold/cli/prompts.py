"""Prompts of `new-task`; each has an option."""

from collections.abc import Sequence
from pathlib import Path

import questionary

from ltscaffold.errors import ScaffoldError
from ltscaffold.project.initial_answers import read_or_initial_answers
from ltscaffold.record.names import check_name
from ltscaffold.templating.catalog import Catalog, read_catalog


def ask_task(project: Path, name: str | None, base: str | None) -> tuple[str, str, list[str]]:
    """Prompt for the missing arguments of a new task; Ctrl-C raises KeyboardInterrupt.

    Args:
        project: a folder, with or without a project.
        name: the name, if given.
        base: the base, if given.

    Returns:
        The name, the base, and the recipes that were chosen.
    """
    catalog = read_catalog(read_or_initial_answers(project))
    if base is None:
        bases = _choices(catalog, "base", catalog.names("base"))
        base = str(questionary.select("Base", choices=bases).unsafe_ask())
    name = name or questionary.text("Name", f"my_{base}", validate=_validate_name).unsafe_ask()
    suitable = _choices(catalog, "recipe", catalog.recipes_for(base))
    recipes = questionary.checkbox("Recipes", choices=suitable).unsafe_ask()
    return str(name), base, recipes


def _choices(catalog: Catalog, category: str, names: Sequence[str]) -> list[questionary.Choice]:
    """Return a choice per name, with its summary.

    Args:
        catalog: the catalog of the project's templates.
        category: "base" or "recipe".
        names: the names to offer.
    """
    width = max(map(len, catalog.names(category)))
    return [
        questionary.Choice(f"{name:{width}}  {catalog.entry(category, name)['summary']}", name)
        for name in names
    ]


def _validate_name(name: str) -> bool | str:
    """Return True for a valid name, else the error."""
    try:
        check_name("task", name)
    except ScaffoldError as error:
        return str(error)
    return True
