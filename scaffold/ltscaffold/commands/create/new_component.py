"""Create a component, and the project around it if the folder has none."""

import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ltscaffold.errors import ScaffoldError
from ltscaffold.project.components import plan_components, train_arguments
from ltscaffold.project.initial_answers import DEFAULT_PACKAGE, initial_answers
from ltscaffold.project.validation import (
    check_new_name,
    check_version,
    checked_fragments,
    config_group,
)
from ltscaffold.record.answers import Answers, Component, check_no_duplicates, read_answers
from ltscaffold.record.component_types import ComponentType
from ltscaffold.record.names import check_name
from ltscaffold.templating.catalog import Catalog, read_catalog
from ltscaffold.writing.plan import Plan


@dataclass(frozen=True)
class NewComponent:
    """What is asked for: a component with its hooks and recipes."""

    type: ComponentType
    name: str
    base: str
    hooks: Sequence[str] = ()
    recipes: Sequence[str] = ()


def plan_new_component(project: Path, request: NewComponent, package: str | None = None) -> Plan:
    """Plan to add a component to a project; in a folder without one, the project around it, too.

    Args:
        project: an existing folder.
        request: what to add.
        package: name of the folder of the tasks; a project that exists keeps its own.

    Raises:
        ScaffoldError: for what cannot be done.
    """
    check_name(request.type.name, request.name)
    check_folder(project)
    recorded = read_answers(project)
    if recorded is None:
        check_name("package", package or DEFAULT_PACKAGE)
    else:
        check_package(recorded, package)
        check_no_duplicates(recorded)
    answers = recorded or initial_answers(package or DEFAULT_PACKAGE)
    component = make_component(read_catalog(answers), answers, request)
    new = replace(answers, components=[*answers.components, component])
    plan = plan_components(f"new-{component.type} {component.name}", project, recorded, new)
    return replace(plan, next_steps=next_steps(project, component))


def next_steps(project: Path, component: Component) -> list[str]:
    """Return what to type to train with it, to test it, and to bring it up to date some day."""
    train = f"python train.py {train_arguments(component)} experiment=smoke"
    commit = f'git add -A && git commit -m "Add {component.name}"'
    if not any((folder / ".git").exists() for folder in (project.resolve() / "x").parents):
        commit = f"git init && {commit}"
    enter = [] if project.samefile(Path()) else [f"cd {shlex.quote(str(project))}"]
    return [*enter, train, "pytest", commit, "copier update"]


def make_component(catalog: Catalog, answers: Answers, request: NewComponent) -> Component:
    """Return the component to add, its names checked against the catalog and the project."""
    component_type = request.type
    check_version(answers, component_type.since, f"a {component_type.name}")
    if not catalog.has(component_type):
        raise ScaffoldError(
            f"the templates {answers.source} {answers.version} have no "
            f"{component_type.name}s: leave it out, or add them there"
        )
    group = config_group(catalog, answers, component_type, request.base)
    component = Component(
        component_type.name, request.name, group, request.base, [], answers.version
    )
    fragments = checked_fragments(catalog, answers, component, request.hooks, request.recipes)
    check_new_name(catalog, answers, component_type, request.name)
    return replace(component, fragments=fragments)


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
