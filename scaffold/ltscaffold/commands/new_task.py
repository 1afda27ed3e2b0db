"""`ltscaffold new-task`: a task class, its config and its test."""

import os
import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ltscaffold import source
from ltscaffold.answers import Answers, Item, check_items, read_answers
from ltscaffold.catalog import Catalog
from ltscaffold.commands.new_project import PACKAGE, first_answers, skeleton_plan
from ltscaffold.errors import ScaffoldError
from ltscaffold.items import item_plan
from ltscaffold.names import check_name
from ltscaffold.plan import Plan


def plan_new_task(
    project: Path,
    name: str,
    base: str,
    hooks: Sequence[str] = (),
    recipes: Sequence[str] = (),
    package: str | None = None,
) -> Plan:
    """Plan to add a task to a project; in a folder without one, the project around it, too.

    Args:
        project: an existing folder.
        name: name of the task, in snake_case.
        base: the task of the runtime to build on.
        hooks: methods to write stubs for.
        recipes: ready-made customisations to write.
        package: name of the folder of the tasks; a project that exists keeps its own.

    Raises:
        ScaffoldError: for what cannot be done.
    """
    check_name("task", name)
    check_folder(project)
    recorded = read_answers(project)
    answers = recorded or new_answers(package)
    check_package(answers, package)
    check_items(answers)
    item = make_item(Catalog(source.checkout(answers.version)), answers, name, base, hooks, recipes)
    command, new = f"new-task {name}", answers.with_item(item)
    if recorded is None:
        plan = skeleton_plan(command, project, new)
    else:
        plan = item_plan(command, project, answers, new)
    return replace(plan, next_steps=next_steps(project, item))


def next_steps(project: Path, item: Item) -> list[str]:
    """Return what to type to train the task, to test it, and to bring it up to date some day."""
    train = f"python train.py +task={item.group}/{item.name} experiment=smoke"
    commit = f'git add -A && git commit -m "Add {item.name}"'
    if not any((folder / ".git").exists() for folder in (project.resolve() / "x").parents):
        commit = f"git init && {commit}"
    enter = [] if project.samefile(Path()) else [f"cd {shlex.quote(str(project))}"]
    return [*enter, train, "pytest", commit, "copier update"]


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
    check_parts(catalog, base, hooks, recipes)
    check_new_name(catalog, answers, "task", name)
    return Item("task", name, group, base, parts_of(hooks, recipes), answers.version)


def check_new_name(catalog: Catalog, answers: Answers, kind: str, name: str) -> None:
    """Raise ScaffoldError unless an item of the project can be called so."""
    check_name(kind, name)
    if name in catalog.names("base"):
        raise ScaffoldError(f"'{name}' is the name of a base: call the {kind} my_{name}")
    taken = [item.kind for item in answers.items if item.name == name]
    if taken:
        raise ScaffoldError(f"there is a {taken[0]} '{name}' in this project: choose another name")


def check_parts(catalog: Catalog, base: str, hooks: Sequence[str], recipes: Sequence[str]) -> None:
    """Raise ScaffoldError for a hook or recipe that does not exist or does not fit the base."""
    for hook in hooks:
        catalog.entry("hook", hook)
    for recipe in recipes:
        reason = catalog.entry("recipe", recipe).get("unsuitable", {}).get(base)
        if reason:
            raise ScaffoldError(f"recipe '{recipe}' does not fit {base}: {reason}")


def parts_of(hooks: Sequence[str], recipes: Sequence[str]) -> list[str]:
    """Return the paths of the partials of hooks and recipes, each once."""
    parts = [f"recipes/{recipe}" for recipe in recipes] + [f"hooks/{hook}" for hook in hooks]
    return list(dict.fromkeys(parts))


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


def check_folder(project: Path) -> None:
    """Raise ScaffoldError unless the project is a folder that can be written to."""
    if not project.is_dir():
        raise ScaffoldError(f"there is no folder {project}: create it, or see --project")
    if not os.access(project, os.W_OK | os.X_OK):
        raise ScaffoldError(f"no permission to write to {project.resolve()}")
