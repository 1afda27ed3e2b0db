"""The commands that write, carried out on a project."""

from functools import partial
from pathlib import Path

from ltscaffold.commands.add import plan_add
from ltscaffold.commands.new_callback import plan_new_callback
from ltscaffold.commands.new_dataset import plan_new_dataset
from ltscaffold.commands.new_project import plan_new_project
from ltscaffold.commands.new_task import plan_new_task
from ltscaffold.commands.remove import plan_remove
from ltscaffold.commands.rename import plan_rename
from ltscaffold.commands.template_eject import plan_eject
from ltscaffold.commands.undo import plan_undo
from ltscaffold.commands.update import plan_update
from ltscaffold.plan import Plan
from ltscaffold.transaction import apply


def new_project(project: Path, *arguments: object) -> Plan:
    return apply(project, partial(plan_new_project, project, *arguments))


def new_task(project: Path, *arguments: object, **options: object) -> Plan:
    return apply(project, partial(plan_new_task, project, *arguments, **options))


def new_dataset(project: Path, *arguments: object, **options: object) -> Plan:
    return apply(project, partial(plan_new_dataset, project, *arguments, **options))


def new_callback(project: Path, *arguments: object, **options: object) -> Plan:
    return apply(project, partial(plan_new_callback, project, *arguments, **options))


def add(project: Path, *arguments: object, **options: object) -> Plan:
    return apply(project, partial(plan_add, project, *arguments, **options))


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
