"""Sample components, which together use every base, hook and recipe of the templates."""

import ast
from collections.abc import Iterator
from pathlib import Path

from ltscaffold.errors import ScaffoldError
from ltscaffold.record.answers import Answers, Component
from ltscaffold.record.component_types import (
    CALLBACK,
    CALLBACK_BASE,
    DATASET,
    SHELL,
    SHELL_BASE,
    TASK,
    ComponentType,
)
from ltscaffold.templating.catalog import Catalog
from ltscaffold.templating.render import Files, render

VERSION = "v0.0.0"


def samples(catalog: Catalog) -> list[Component]:
    """Return, per base, tasks with all hooks or all recipes and a dataset; a callback; shells."""
    components, bases = [], catalog.names("base")
    for base in bases:
        recipes = recipe_fragments(catalog, base)
        components.append(_sample(catalog, TASK, f"hooks_of_{base}", base))
        components.append(_sample(catalog, TASK, f"recipes_of_{base}", base, recipes))
    if catalog.has(DATASET):
        components += [_sample(catalog, DATASET, f"data_of_{base}", base) for base in bases]
    if catalog.has(CALLBACK):
        components.append(_sample(catalog, CALLBACK, "hooks_of_callbacks", CALLBACK_BASE))
    recorded = {"project": "my-project", "requirement": "ltscaffold[train]"}
    for name in catalog.names(SHELL.name):
        kept = {key: recorded[key] for key in catalog.entry(SHELL.name, name)["records"]}
        components.append(Component(SHELL.name, name, "", SHELL_BASE, [], VERSION, **kept))
    return components


def recipe_samples(catalog: Catalog) -> list[Component]:
    """Return a task per recipe, on a base that it fits."""
    bases = reversed(catalog.names("base"))
    first = {recipe: base for base in bases for recipe in catalog.recipes_for(base)}
    return [
        _sample(catalog, TASK, f"with_{recipe}", base, [f"recipes/{recipe}"])
        for recipe, base in sorted(first.items())
    ]


def pairs(catalog: Catalog) -> list[Component]:
    """Return a task for each pair of a base and a recipe that fits it."""
    return [
        _sample(catalog, TASK, f"pair_{number}_{one}", base, [recipe])
        for one, base in enumerate(catalog.names("base"))
        for number, recipe in enumerate(recipe_fragments(catalog, base))
    ]


def recipe_fragments(catalog: Catalog, base: str) -> list[str]:
    """Return the recipes that fit a base, as template fragments: `recipes/<name>`."""
    return [f"recipes/{recipe}" for recipe in catalog.recipes_for(base)]


def sample_answers(url: str, chosen: list[Component], fragments: Path | None = None) -> Answers:
    """Return the record of a project to render.

    Args:
        url: the source of the templates.
        chosen: the components of the project.
        fragments: the folder with fragments that override those of the templates, if any.
    """
    return Answers(VERSION, url, "tasks", chosen, fragments)


def render_each(templates: Path, answers: Answers) -> Iterator[tuple[Component, Files | str]]:
    """Yield each component with its files, or with a line about the error of its templates.

    Args:
        templates: the folder of the templates.
        answers: the record, whose components are rendered.
    """
    for component in answers.components:
        try:
            files = render(templates, answers, [component], skeleton=False)
        except ScaffoldError as error:
            yield component, str(error)
        else:
            yield component, _syntax_error(files) or files


def _syntax_error(files: Files) -> str:
    for path, text in files.items():
        if path.endswith(".py"):
            try:
                ast.parse(text)
            except SyntaxError as error:
                return f"{path}:{error.lineno}: invalid Python: {error.msg}"
    return ""


def _sample(
    catalog: Catalog, owner: ComponentType, name: str, base: str, fragments: list[str] | None = None
) -> Component:
    """Return a sample component.

    Args:
        catalog: the catalog of the templates.
        owner: its type.
        name: its name.
        base: its base.
        fragments: its hooks and recipes; by default all hooks of its type.
    """
    group = "" if owner is CALLBACK else str(catalog.entry("base", base)["group"])
    if fragments is None:
        fragments = [*map(owner.fragment, catalog.hook_names(owner))]
    folder = catalog.folder(owner)
    return Component(owner.name, name, group, base, fragments, VERSION, folder)
