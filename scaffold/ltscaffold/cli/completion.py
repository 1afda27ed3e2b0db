"""Shell completion of bases, hooks, recipes, template fragments and components."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from ltscaffold.errors import ScaffoldError

if TYPE_CHECKING:
    from ltscaffold.templating.catalog import Catalog

Complete = Callable[[typer.Context, str], list[str]]


def _completes(names: Callable[[Path], Iterable[str]]) -> Complete:
    """Return a completion function for an option.

    Args:
        names: returns the possible values for the folder of a project; of them, the completion
            offers those that start with the typed word.
    """

    def complete(context: typer.Context, incomplete: str) -> list[str]:
        try:
            known = names(Path(context.params.get("project") or "."))
        except ScaffoldError:  # a completion cannot report it
            return []
        return [name for name in known if name.startswith(incomplete)]

    return complete


def _catalog(project: Path) -> "Catalog":
    from ltscaffold.project.initial_answers import read_or_initial_answers
    from ltscaffold.templating.catalog import read_catalog

    return read_catalog(read_or_initial_answers(project))


def _component_names(project: Path) -> list[str]:
    from ltscaffold.record.answers import read_answers

    answers = read_answers(project)
    return [component.name for component in answers.components] if answers else []


def _fragment_names(project: Path) -> list[str]:
    from ltscaffold.project.project_fragments import fragment_names

    return fragment_names(_catalog(project).templates)


bases = _completes(lambda project: [*_catalog(project).names("base"), *_component_names(project)])
hooks = _completes(lambda project: _catalog(project).names("hook"))
recipes = _completes(lambda project: _catalog(project).names("recipe"))
components = _completes(_component_names)
fragments = _completes(_fragment_names)
