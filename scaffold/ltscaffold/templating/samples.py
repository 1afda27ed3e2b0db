"""Items that show what templates offer: together they use every base, hook and recipe."""

import ast
from collections.abc import Iterator, Sequence
from pathlib import Path

from ltscaffold.errors import ScaffoldError
from ltscaffold.record.answers import Answers, Item
from ltscaffold.record.component_types import CALLBACK, CALLBACK_BASE, DATASET, TASK
from ltscaffold.templating.catalog import Catalog
from ltscaffold.templating.render import Files, render

VERSION = "v0.0.0"


def samples(catalog: Catalog) -> list[Item]:
    """Return tasks with all hooks and with all recipes of each base, datasets and a callback."""
    bases, hooks = catalog.names("base"), catalog.hook_names(TASK)
    items = []
    for base in bases:
        items += [
            _task(catalog, f"hooks_of_{base}", base, [TASK.part(hook) for hook in hooks]),
            _task(catalog, f"recipes_of_{base}", base, recipes_of(catalog, base)),
        ]
    if catalog.has(DATASET):
        parts = [DATASET.part(hook) for hook in catalog.hook_names(DATASET)]
        groups = {base: str(catalog.entry("base", base)["group"]) for base in bases}
        items += [
            Item(DATASET.name, f"data_of_{base}", groups[base], base, parts, VERSION)
            for base in bases
        ]
    if catalog.has(CALLBACK):
        parts = [CALLBACK.part(hook) for hook in catalog.hook_names(CALLBACK)]
        items += [Item(CALLBACK.name, "hooks_of_callbacks", "", CALLBACK_BASE, parts, VERSION)]
    return items


def recipe_samples(catalog: Catalog) -> list[Item]:
    """Return a task for each recipe alone, on a base that it fits."""
    first: dict[str, str] = {}
    for base in catalog.names("base"):
        for recipe in recipes_of(catalog, base):
            first.setdefault(recipe, base)
    return [
        _task(catalog, f"with_{recipe.removeprefix('recipes/')}", base, [recipe])
        for recipe, base in sorted(first.items())
    ]


def pairs(catalog: Catalog) -> list[Item]:
    """Return a task for each base with each of its recipes alone."""
    return [
        _task(catalog, f"pair_{number}_{one}", base, [recipe])
        for one, base in enumerate(catalog.names("base"))
        for number, recipe in enumerate(recipes_of(catalog, base))
    ]


def recipes_of(catalog: Catalog, base: str) -> list[str]:
    """Return the parts of the recipes that make sense on a base."""
    return [
        f"recipes/{recipe}"
        for recipe in catalog.names("recipe")
        if base not in catalog.entry("recipe", recipe).get("unsuitable", {})
    ]


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


def _task(catalog: Catalog, name: str, base: str, parts: list[str]) -> Item:
    return Item(TASK.name, name, str(catalog.entry("base", base)["group"]), base, parts, VERSION)
