"""Create a component, and the project around it if the folder has none."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ltscaffold.errors import ScaffoldError
from ltscaffold.git import in_repository
from ltscaffold.project.components import Adoption, plan_components, train_arguments
from ltscaffold.project.initial_answers import DEFAULT_PACKAGE, initial_answers
from ltscaffold.project.shell.installation import after_setup
from ltscaffold.project.shell.parts import new_project_answers
from ltscaffold.project.validation import (
    check_new_name,
    check_not_hidden,
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
    """A component to create.

    Attributes:
        type: the type of component: task, dataset or callback.
        name: its name, in snake_case.
        base: the task that it is based on, of the runtime or of the project; for a dataset the
            task that it is for, for a callback `CALLBACK_BASE`.
        hooks: names of the methods to generate as stubs.
        recipes: names of the recipes to apply; only a task has any.
    """

    type: ComponentType
    name: str
    base: str
    hooks: Sequence[str] = ()
    recipes: Sequence[str] = ()


def plan_new_component(
    project: Path,
    new: NewComponent,
    package: str | None = None,
    shell: Sequence[str] | None = (),
    adopt: bool = False,
) -> Plan:
    """Plan a new component; in a folder without a project, also its skeleton.

    Args:
        project: an existing folder.
        new: the component to create.
        package: the folder of the components in a new project.
        shell: the parts of the shell of a new project; None: the default ones.
        adopt: keep files that exist as edited ones.

    Raises:
        ScaffoldError: if a name, a hook, a recipe or the folder is not valid, or a file of the
            component exists and is not adopted.
    """
    check_name(new.type.name, new.name)
    check_folder(project)
    recorded = read_answers(project)
    if recorded is None:
        check_name("package", package or DEFAULT_PACKAGE)
    else:
        check_package(recorded, package)
        if shell:
            raise ScaffoldError(
                f"this project exists; add parts with `ltscaffold add-shell {' '.join(shell)}`"
            )
        check_no_duplicates(recorded)
    notes: list[str] = []
    answers = recorded
    if answers is None:
        answers, notes = new_project_answers(
            project, initial_answers(package or DEFAULT_PACKAGE), shell, adopt, new.name
        )
    component = make_component(read_catalog(answers), answers, new)
    check_not_hidden(project, answers, component)
    target = replace(answers, components=[*answers.components, component])
    command = f"new-{component.type} {component.name}"
    adoption: Adoption = "chosen" if adopt else "offered"
    plan = plan_components(command, project, recorded, target, adoption=adoption)
    steps = next_steps(project, target, component)
    return replace(plan, notes=[*notes, *plan.notes], next_steps=steps)


def next_steps(project: Path, answers: Answers, component: Component) -> list[str]:
    """Return shell commands that train with a component, test and commit it.

    Args:
        project: the folder of the project.
        answers: the record with the component.
        component: the new component.
    """
    train = f"python train.py {train_arguments(component)} experiment=smoke"
    commit = f'git add -A && git commit -m "Add {component.name}"'
    if not in_repository(project):
        commit = f"git init && {commit}"
    return [*after_setup(answers, [train, "pytest"]), commit]


def make_component(catalog: Catalog, answers: Answers, new: NewComponent) -> Component:
    """Return a new component in the form of the record.

    Args:
        catalog: the catalog of the project's templates.
        answers: the record of the project.
        new: the component to create.

    Raises:
        ScaffoldError: if the templates have no components of its type, or a name is not valid.
    """
    component_type = new.type
    check_version(answers, component_type.since, f"a {component_type.name}")
    if not catalog.has(component_type):
        raise ScaffoldError(
            f"the templates {answers.source} {answers.version} have no "
            f"{component_type.name}s; add them to the templates"
        )
    group = config_group(catalog, answers, component_type, new.base)
    folder = catalog.folder(component_type)
    component = Component(
        component_type.name, new.name, group, new.base, [], answers.version, folder
    )
    fragments = checked_fragments(catalog, answers, component, new.hooks, new.recipes)
    check_new_name(catalog, answers, component_type, new.name)
    return replace(component, fragments=fragments)


def check_package(answers: Answers, package: str | None) -> None:
    """Check the option --package in a project that exists.

    Args:
        answers: the record of the project.
        package: the option; None if it is not given.

    Raises:
        ScaffoldError: if it is not the package of the project.
    """
    if package is not None and package != answers.package:
        raise ScaffoldError(
            f"this project keeps its tasks in '{answers.package}', not '{package}'; omit --package"
        )


def check_folder(project: Path) -> None:
    """Check that the project can be written.

    Raises:
        ScaffoldError: if the folder does not exist, or is not writable.
    """
    if not project.is_dir():
        raise ScaffoldError(
            f"the folder {project} does not exist; create it, or give another with --project"
        )
    if not os.access(project, os.W_OK | os.X_OK):
        raise ScaffoldError(
            f"the folder {project.resolve()} is not writable; change its permissions"
        )
