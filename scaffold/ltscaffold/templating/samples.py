"""Items that show what templates offer: together they use every base, hook and recipe."""

import ast
from collections.abc import Iterator, Sequence
from pathlib import Path

from ltscaffold.errors import ScaffoldError
from ltscaffold.record.answers import Answers, Item
from ltscaffold.record.component_types import CALLBACK, CALLBACK_BASE, DATASET, TASK, ComponentType
from ltscaffold.templating.catalog import Catalog
from ltscaffold.templating.render import Files, render

VERSION = "v0.0.0"


def samples(catalog: Catalog) -> list[Item]:
    """Return tasks with all hooks and with all recipes of each base, datasets and a callback."""
    items = []
    for base in catalog.names("base"):
        items += [
            _item(catalog, TASK, f"hooks_of_{base}", base, _hooks(catalog, TASK)),
            _item(catalog, TASK, f"recipes_of_{base}", base, recipes_of(catalog, base)),
        ]
    if catalog.has(DATASET):
        hooks = _hooks(catalog, DATASET)
        bases = catalog.names("base")
        items += [_item(catalog, DATASET, f"data_of_{base}", base, hooks) for base in bases]
    if catalog.has(CALLBACK):
        hooks = _hooks(catalog, CALLBACK)
        items += [_item(catalog, CALLBACK, "hooks_of_callbacks", CALLBACK_BASE, hooks)]
    return items


def recipe_samples(catalog: Catalog) -> list[Item]:
    """Return a task for each recipe alone, on a base that it fits."""
    bases = reversed(catalog.names("base"))
    first = {recipe: base for base in bases for recipe in catalog.recipes_for(base)}
    return [
        _item(catalog, TASK, f"with_{recipe}", base, [f"recipes/{recipe}"])
        for recipe, base in sorted(first.items())
    ]


def pairs(catalog: Catalog) -> list[Item]:
    """Return a task for each base with each of its recipes alone."""
    return [
        _item(catalog, TASK, f"pair_{number}_{one}", base, [recipe])
        for one, base in enumerate(catalog.names("base"))
        for number, recipe in enumerate(recipes_of(catalog, base))
    ]


def recipes_of(catalog: Catalog, base: str) -> list[str]:
    """Return the parts of the recipes that fit a base."""
    return [f"recipes/{recipe}" for recipe in catalog.recipes_for(base)]


def sample_answers(url: str, items: Sequence[Item], own_partials: Path | None = None) -> Answers:
    """Return what a project with these items records."""
    return Answers(VERSION, url, "tasks", list(items), own_partials)


def render_each(templates: Path, answers: Answers) -> Iterator[tuple[Item, Files | str]]:
    """Yield each item with its files, or with what is wrong with them."""
    for item in answers.items:
        try:
            files = render(templates, answers, [item], skeleton=False)
        except ScaffoldError as error:
            yield item, str(error)
        else:
            yield item, _syntax_error(files) or files


def _syntax_error(files: Files) -> str:
    for path, text in files.items():
        if path.endswith(".py"):
            try:
                ast.parse(text)
            except SyntaxError as error:
                return f"{path}:{error.lineno}: no valid Python: {error.msg}"
    return ""


def _hooks(catalog: Catalog, kind: ComponentType) -> list[str]:
    return [kind.part(hook) for hook in catalog.hook_names(kind)]


def _item(catalog: Catalog, kind: ComponentType, name: str, base: str, parts: list[str]) -> Item:
    group = "" if kind is CALLBACK else str(catalog.entry("base", base)["group"])
    return Item(kind.name, name, group, base, parts, VERSION)
