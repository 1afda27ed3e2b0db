"""Shell completion of bases, hooks, recipes, template fragments, parts of the shell, components."""

from collections.abc import Callable, Iterable
from pathlib import Path

import typer

from ltscaffold.errors import ScaffoldError

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


def _templates(project: Path) -> Path:
    from ltscaffold.project.initial_answers import read_or_initial_answers
    from ltscaffold.templating.source import checkout

    answers = read_or_initial_answers(project)
    return checkout(answers.source, answers.version)


def _names(project: Path, folder: str) -> list[str]:
    from ltscaffold.templating.fragments import names_in

    return names_in(_templates(project), folder)


def _component_names(project: Path) -> list[str]:
    from ltscaffold.record.answers import read_answers

    answers = read_answers(project)
    return [component.name for component in answers.components] if answers else []


def _fragment_names(project: Path) -> list[str]:
    from ltscaffold.templating.fragments import fragment_names

    return fragment_names(_templates(project))


def hooks(context: typer.Context, incomplete: str) -> list[str]:
    """Return the hooks that start with the typed word: of what a command creates, or of all types.

    Args:
        context: of the command.
        incomplete: the typed word.
    """
    from ltscaffold.record.component_types import CALLBACK, DATASET, TASK

    types = (TASK, DATASET, CALLBACK)
    created = [each for each in types if context.command.name == f"new-{each.name}"] or types
    names = _completes(lambda project: {n for each in created for n in _names(project, each.hooks)})
    return sorted(names(context, incomplete))


bases = _completes(lambda project: [*_names(project, "bases"), *_component_names(project)])
templated_bases = _completes(lambda project: _names(project, "bases"))
recipes = _completes(lambda project: _names(project, "recipes"))
shell = _completes(lambda project: _names(project, "shell"))
components = _completes(_component_names)
fragments = _completes(_fragment_names)
