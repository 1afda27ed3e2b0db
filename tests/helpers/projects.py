"""The commands that write, as functions of a project."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from ltscaffold.commands.create.new_component import NewComponent, plan_new_component
from ltscaffold.commands.create.new_project import plan_new_project
from ltscaffold.commands.edit.add import plan_add
from ltscaffold.commands.edit.add_shell import plan_add_shell
from ltscaffold.commands.edit.remove import plan_remove
from ltscaffold.commands.edit.rename import plan_rename
from ltscaffold.commands.edit.undo import plan_undo
from ltscaffold.commands.templates.eject import plan_eject
from ltscaffold.commands.update.update import plan_update
from ltscaffold.record.component_types import CALLBACK, CALLBACK_BASE, DATASET, TASK
from ltscaffold.writing.plan import Plan
from ltscaffold.writing.transaction import apply


def new_project(project: Path, *arguments: object, **options: Any) -> Plan:
    return apply(project, partial(plan_new_project, project, *arguments, **options))


def new_task(
    project: Path,
    name: str,
    base: str,
    hooks: Sequence[str] = (),
    recipes: Sequence[str] = (),
    package: str | None = None,
    **options: Any,
) -> Plan:
    return _create(project, NewComponent(TASK, name, base, hooks, recipes), package, **options)


def new_dataset(
    project: Path, name: str, base: str, hooks: Sequence[str] = (), package: str | None = None
) -> Plan:
    return _create(project, NewComponent(DATASET, name, base, hooks), package)


def new_callback(
    project: Path, name: str, hooks: Sequence[str] = (), package: str | None = None
) -> Plan:
    return _create(project, NewComponent(CALLBACK, name, CALLBACK_BASE, hooks), package)


def _create(project: Path, new: NewComponent, package: str | None, **options: Any) -> Plan:
    return apply(project, partial(plan_new_component, project, new, package, **options))


def add(project: Path, *arguments: object, **options: object) -> Plan:
    return apply(project, partial(plan_add, project, *arguments, **options))


def add_shell(project: Path, *names: str, adopt: bool = False) -> Plan:
    return apply(project, partial(plan_add_shell, project, names, adopt))


def remove(project: Path, name: str, force: bool = False) -> Plan:
    return apply(project, partial(plan_remove, project, name, force))


def rename(project: Path, name: str, new_name: str) -> Plan:
    return apply(project, partial(plan_rename, project, name, new_name))


def eject(project: Path, name: str) -> Plan:
    return apply(project, partial(plan_eject, project, name))


def undo(project: Path) -> Plan:
    return apply(project, partial(plan_undo, project))


def update(project: Path, *arguments: object, **options: object) -> Plan:
    return apply(project, partial(plan_update, project, *arguments, **options))
