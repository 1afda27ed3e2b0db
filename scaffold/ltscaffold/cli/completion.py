"""Names that the shell completes: bases, hooks, recipes, partials and items."""

from pathlib import Path

import typer

from ltscaffold.errors import ScaffoldError


def bases(context: typer.Context, incomplete: str) -> list[str]:
    """Return the bases, and the tasks of the project, that begin with what was typed."""
    return _matching([*_names(context, "base"), *_items(context)], incomplete)


def hooks(context: typer.Context, incomplete: str) -> list[str]:
    """Return the hooks that begin with what was typed."""
    return _matching(_names(context, "hook"), incomplete)


def recipes(context: typer.Context, incomplete: str) -> list[str]:
    """Return the recipes that begin with what was typed."""
    return _matching(_names(context, "recipe"), incomplete)


def items(context: typer.Context, incomplete: str) -> list[str]:
    """Return the items of the project that begin with what was typed."""
    return _matching(_items(context), incomplete)


def partials(context: typer.Context, incomplete: str) -> list[str]:
    """Return the partials of the project's templates that begin with what was typed."""
    from ltscaffold.project.own_partials import partial_names
    from ltscaffold.project.skeleton import answers_of
    from ltscaffold.templating.catalog import catalog_of

    try:
        templates = catalog_of(answers_of(_project(context))).templates
    except ScaffoldError:
        return []
    return _matching(partial_names(templates), incomplete)


def _names(context: typer.Context, kind: str) -> list[str]:
    from ltscaffold.project.skeleton import answers_of
    from ltscaffold.templating.catalog import catalog_of

    try:
        return catalog_of(answers_of(_project(context))).names(kind)
    except ScaffoldError:  # a shell has no place for it
        return []


def _items(context: typer.Context) -> list[str]:
    from ltscaffold.record.answers import read_answers

    try:
        answers = read_answers(_project(context))
    except ScaffoldError:
        return []
    return [item.name for item in answers.items] if answers else []


def _project(context: typer.Context) -> Path:
    return Path(context.params.get("project") or ".")


def _matching(names: list[str], incomplete: str) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]
