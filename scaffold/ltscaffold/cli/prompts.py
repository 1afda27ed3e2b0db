"""What `new-task` asks at a terminal; every question has a flag."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import questionary

from ltscaffold.errors import ScaffoldError
from ltscaffold.project.first_answers import answers_of
from ltscaffold.record.names import check_name
from ltscaffold.templating.catalog import Catalog, catalog_of


@dataclass(frozen=True)
class TaskAnswers:
    """What was typed or chosen."""

    name: str
    base: str
    recipes: Sequence[str]


def ask_task(project: Path, name: str | None, base: str | None) -> TaskAnswers:
    """Ask for what is missing of a new task; Ctrl-C raises KeyboardInterrupt."""
    catalog = catalog_of(answers_of(project))
    base = base or questionary.select("Base", choices=_choices(catalog, "base")).unsafe_ask()
    name = name or questionary.text("Name", default=f"my_{base}", validate=_fault).unsafe_ask()
    suitable = [
        choice
        for choice in _choices(catalog, "recipe")
        if base not in catalog.entry("recipe", str(choice.value)).get("unsuitable", {})
    ]
    recipes = questionary.checkbox("Recipes", choices=suitable).unsafe_ask()
    return TaskAnswers(name, base, recipes)


def _choices(catalog: Catalog, kind: str) -> list[questionary.Choice]:
    """Return the names of a kind, each with a word on it."""
    names = catalog.names(kind)
    width = max(map(len, names))
    return [
        questionary.Choice(f"{name:{width}}  {catalog.entry(kind, name)['summary']}", name)
        for name in names
    ]


def _fault(name: str) -> bool | str:
    """Return True for a good name, else what is wrong with it."""
    try:
        check_name("task", name)
    except ScaffoldError as error:
        return str(error)
    return True
