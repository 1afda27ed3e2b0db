"""Names that the shell completes: bases, hooks, recipes, partials and items."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from ltscaffold.errors import ScaffoldError

if TYPE_CHECKING:
    from ltscaffold.templating.catalog import Catalog

Complete = Callable[[typer.Context, str], list[str]]


def _completes(names: Callable[[Path], Iterable[str]]) -> Complete:
    """Return the completion with those names of a project that begin with what was typed."""

    def complete(context: typer.Context, incomplete: str) -> list[str]:
        try:
            known = names(Path(context.params.get("project") or "."))
        except ScaffoldError:  # a shell has no place for it
            return []
        return [name for name in known if name.startswith(incomplete)]

    return complete


def _catalog(project: Path) -> "Catalog":
    from ltscaffold.project.first_answers import answers_of
    from ltscaffold.templating.catalog import catalog_of

    return catalog_of(answers_of(project))


def _items(project: Path) -> list[str]:
    from ltscaffold.record.answers import read_answers

    answers = read_answers(project)
    return [item.name for item in answers.items] if answers else []


def _partials(project: Path) -> list[str]:
    from ltscaffold.project.own_partials import partial_names

    return partial_names(_catalog(project).templates)


bases = _completes(lambda project: [*_catalog(project).names("base"), *_items(project)])
hooks = _completes(lambda project: _catalog(project).names("hook"))
recipes = _completes(lambda project: _catalog(project).names("recipe"))
items = _completes(_items)
partials = _completes(_partials)
