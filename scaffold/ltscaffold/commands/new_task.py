"""`ltscaffold new-task`: a task class, its config and its test."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ltscaffold import source
from ltscaffold.answers import ANSWERS_FILE, Answers, Item, read_answers
from ltscaffold.catalog import Catalog
from ltscaffold.commands.new_project import PACKAGE, first_answers, without_kept
from ltscaffold.errors import ScaffoldError
from ltscaffold.names import check_name
from ltscaffold.plan import Plan, locked
from ltscaffold.render import render, render_item


@dataclass(frozen=True)
class NewTask:
    """What was written: the item, and the files in the order of their names."""

    item: Item
    files: list[str]


def new_task(
    project: Path,
    name: str,
    base: str,
    hooks: Sequence[str] = (),
    recipes: Sequence[str] = (),
    package: str | None = None,
) -> NewTask:
    """Add a task to a project; in a folder without one, write the project around it, too.

    Args:
        project: an existing folder.
        name: name of the task, in snake_case.
        base: the task of the runtime to build on.
        hooks: methods to write stubs for.
        recipes: ready-made customisations to write.
        package: name of the folder of the tasks; a project that exists keeps its own.

    Raises:
        ScaffoldError: for what cannot be done; nothing is written then.
    """
    check_name("task", name)
    check_folder(project)
    with locked(project):
        recorded = read_answers(project)
        answers = recorded or new_answers(package)
        check_package(answers, package)
        check_items(answers)
        templates = source.checkout(answers.version)
        item = make_item(Catalog(templates), answers, name, base, hooks, recipes)
        if recorded is None:
            files = without_kept(project, render(templates, answers.with_item(item)))
            plan = Plan(creations=files)
        else:
            files = render_item(templates, answers.with_item(item), item)
            changes = {ANSWERS_FILE: files.pop(ANSWERS_FILE)}
            plan = Plan(creations=files, changes=changes)
        plan.check(project)
        plan.commit(project)
    return NewTask(item, sorted(plan.creations))


def make_item(
    catalog: Catalog,
    answers: Answers,
    name: str,
    base: str,
    hooks: Sequence[str],
    recipes: Sequence[str],
) -> Item:
    """Return the item to add, every name in it checked against the catalogue and the project."""
    group = catalog.entry("base", base)["group"]
    for hook in hooks:
        catalog.entry("hook", hook)
    for recipe in recipes:
        catalog.entry("recipe", recipe)
    if name in catalog.names("base"):
        raise ScaffoldError(f"'{name}' is the name of a base: call the task my_{name}")
    if any(item.name == name for item in answers.items):
        raise ScaffoldError(f"there is a task '{name}' in this project: choose another name")
    parts = [f"recipes/{recipe}" for recipe in recipes] + [f"hooks/{hook}" for hook in hooks]
    return Item("task", name, group, base, list(dict.fromkeys(parts)), answers.version)


def new_answers(package: str | None) -> Answers:
    """Return the answers of a project that is yet to be written."""
    check_name("package", package or PACKAGE)
    return first_answers(package or PACKAGE)


def check_package(answers: Answers, package: str | None) -> None:
    """Raise ScaffoldError if another package is asked for than the project has."""
    if package is not None and package != answers.package:
        raise ScaffoldError(
            f"this project keeps its tasks in '{answers.package}', not '{package}': "
            "leave --package out"
        )


def check_items(answers: Answers) -> None:
    """Raise ScaffoldError where merged branches left the items in disagreement."""
    names = [item.name for item in answers.items]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise ScaffoldError(
            f"{ANSWERS_FILE} names {', '.join(sorted(twice))} twice (merged branches?): "
            "delete one of the two lines"
        )
    behind = [item.name for item in answers.items if item.v != answers.version]
    if behind:
        raise ScaffoldError(
            f"{', '.join(behind)} and the project are at different template versions (merged "
            "branches?): undo the merge, run copier update on the branch that is behind, and "
            "merge again"
        )


def check_folder(project: Path) -> None:
    """Raise ScaffoldError unless the project is a folder that can be written to."""
    if not project.is_dir():
        raise ScaffoldError(f"there is no folder {project}: create it, or see --project")
    if not os.access(project, os.W_OK | os.X_OK):
        raise ScaffoldError(f"no permission to write to {project.resolve()}")
