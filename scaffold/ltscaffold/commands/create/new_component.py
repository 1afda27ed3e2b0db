"""What `new-task` and its like share: an item, its files, and the project where there is none."""

import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ltscaffold.errors import ScaffoldError
from ltscaffold.project.components import item_plan, usage_of
from ltscaffold.project.first_answers import PACKAGE, first_answers
from ltscaffold.project.validation import (
    check_new_name,
    check_version,
    checked_parts,
    group_of,
)
from ltscaffold.record.answers import Answers, Item, check_merged, read_answers
from ltscaffold.record.component_types import ComponentType
from ltscaffold.record.names import check_name
from ltscaffold.templating.catalog import Catalog, catalog_of
from ltscaffold.writing.plan import Plan


@dataclass(frozen=True)
class NewComponent:
    """What is asked for: an item with its hooks and recipes."""

    kind: ComponentType
    name: str
    base: str
    hooks: Sequence[str] = ()
    recipes: Sequence[str] = ()


def plan_new_component(project: Path, request: NewComponent, package: str | None = None) -> Plan:
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
    if recorded is None:
        check_name("package", package or PACKAGE)
    else:
        check_package(recorded, package)
        check_merged(recorded)
    answers = recorded or first_answers(package or PACKAGE)
    item = make_item(catalog_of(answers), answers, request)
    new = replace(answers, items=[*answers.items, item])
    plan = item_plan(f"new-{item.kind} {item.name}", project, recorded, new)
    return replace(plan, next_steps=next_steps(project, item))


def next_steps(project: Path, item: Item) -> list[str]:
    """Return what to type to train with it, to test it, and to bring it up to date some day."""
    train = f"python train.py {usage_of(item)} experiment=smoke"
    commit = f'git add -A && git commit -m "Add {item.name}"'
    if not any((folder / ".git").exists() for folder in (project.resolve() / "x").parents):
        commit = f"git init && {commit}"
    enter = [] if project.samefile(Path()) else [f"cd {shlex.quote(str(project))}"]
    return [*enter, train, "pytest", commit, "copier update"]


def make_item(catalog: Catalog, answers: Answers, request: NewComponent) -> Item:
    """Return the item to add, every name in it checked against the catalogue and the project."""
    kind = request.kind
    check_version(answers, kind.since, f"a {kind.name}")
    if not catalog.has(kind):
        raise ScaffoldError(
            f"the templates {answers.source} {answers.version} have no {kind.name}s: leave it out, "
            "or add them there"
        )
    group = group_of(catalog, answers, kind, request.base)
    item = Item(kind.name, request.name, group, request.base, [], answers.version)
    parts = checked_parts(catalog, answers, item, request.hooks, request.recipes)
    check_new_name(catalog, answers, kind, request.name)
    return replace(item, parts=parts)


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
