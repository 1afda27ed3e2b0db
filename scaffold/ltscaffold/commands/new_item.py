"""What `new-task` and its like share: an item, its files, and the project where there is none."""

import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ltscaffold import source
from ltscaffold.answers import Answers, Item, check_merged, read_answers
from ltscaffold.catalog import Catalog
from ltscaffold.commands.new_project import PACKAGE, first_answers, skeleton_plan
from ltscaffold.commands.parts import check_parts, parts_of
from ltscaffold.errors import ScaffoldError
from ltscaffold.items import item_plan, usage_of
from ltscaffold.kinds import CALLBACK, CHAINING_SINCE, TASK, Kind
from ltscaffold.names import check_name
from ltscaffold.plan import Plan


@dataclass(frozen=True)
class Request:
    """What is asked for: an item with its hooks and recipes."""

    kind: Kind
    name: str
    base: str
    hooks: Sequence[str] = ()
    recipes: Sequence[str] = ()


def plan_new_item(project: Path, request: Request, package: str | None = None) -> Plan:
    """Plan to add an item to a project; in a folder without one, the project around it, too.

    Args:
        project: an existing folder.
        request: what to add.
        package: name of the folder of the tasks; a project that exists keeps its own.

    Raises:
        ScaffoldError: for what cannot be done.
    """
    check_name(request.kind.name, request.name)
    check_folder(project)
    recorded = read_answers(project)
    answers = recorded or new_answers(package)
    check_package(answers, package)
    if recorded is not None:
        check_merged(project, recorded)
    item = make_item(
        Catalog(source.checkout(answers.source, answers.version), answers.own_partials),
        answers,
        request,
    )
    command, new = f"new-{item.kind} {item.name}", answers.with_item(item)
    if recorded is None:
        plan = skeleton_plan(command, project, new)
    else:
        plan = item_plan(command, project, answers, new)
    return replace(plan, next_steps=next_steps(project, item))


def next_steps(project: Path, item: Item) -> list[str]:
    """Return what to type to train with it, to test it, and to bring it up to date some day."""
    train = f"python train.py {usage_of(item)} experiment=smoke"
    commit = f'git add -A && git commit -m "Add {item.name}"'
    if not any((folder / ".git").exists() for folder in (project.resolve() / "x").parents):
        commit = f"git init && {commit}"
    enter = [] if project.samefile(Path()) else [f"cd {shlex.quote(str(project))}"]
    return [*enter, train, "pytest", commit, "copier update"]


def make_item(catalog: Catalog, answers: Answers, request: Request) -> Item:
    """Return the item to add, every name in it checked against the catalogue and the project."""
    kind = request.kind
    check_version(answers, kind.since, f"a {kind.name}")
    if not catalog.has(kind):
        raise ScaffoldError(
            f"the templates {answers.source} {answers.version} have no {kind.name}s: leave it out, "
            "or add them there"
        )
    group = group_of(catalog, answers, kind, request.base)
    parts = parts_of(kind, request.hooks, request.recipes)
    item = Item(kind.name, request.name, group, request.base, parts, answers.version)
    check_parts(catalog, answers, item, request.hooks, request.recipes)
    check_new_name(catalog, answers, kind, request.name)
    return item


def group_of(catalog: Catalog, answers: Answers, kind: Kind, base: str) -> str:
    """Return the config group of a base, be it a task of the runtime or one of the project.

    Raises:
        ScaffoldError: if there is none of this name, or if it cannot be one.
    """
    if kind is CALLBACK:
        return ""
    tasks = [item for item in answers.items if item.kind == TASK.name] if kind is TASK else []
    for item in tasks:
        if item.name == base:
            check_version(answers, CHAINING_SINCE, "a task on a task of the project")
            return item.group
    entry = catalog.entry("base", base, also=[item.name for item in tasks])
    return str(entry["group"])


def check_version(answers: Answers, since: str, what: str) -> None:
    """Raise ScaffoldError if the templates are ours, and older than what is asked for."""
    if answers.source == source.SOURCE_URL and _numbers(answers.version) < _numbers(since):
        raise ScaffoldError(
            f"{what} needs templates {since}, the project has {answers.version}: commit, run "
            "copier update, and try again"
        )


def check_new_name(catalog: Catalog, answers: Answers, kind: Kind, name: str) -> None:
    """Raise ScaffoldError unless an item of the project can be called so."""
    check_name(kind.name, name)
    if name in catalog.names("base"):
        raise ScaffoldError(f"'{name}' is the name of a base: call the {kind.name} my_{name}")
    if name in kind.taken:
        raise ScaffoldError(
            f"'{name}' is the name of something else here: call the {kind.name} my_{name}"
        )
    taken = [item.kind for item in answers.items if item.name == name]
    if taken:
        raise ScaffoldError(f"there is a {taken[0]} '{name}' in this project: choose another name")


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


def _numbers(version: str) -> list[int]:
    return [int(number) for number in version.removeprefix("v").split(".")]
