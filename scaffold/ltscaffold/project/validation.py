"""Check that a project can have a component: its name, its base, its hooks and recipes."""

from collections.abc import Sequence
from pathlib import Path

from ltscaffold.errors import ScaffoldError
from ltscaffold.record.answers import Answers, Component
from ltscaffold.record.component_types import (
    CALLBACK,
    CHAINING_SINCE,
    COMPONENT_TYPES,
    TASK,
    ComponentType,
)
from ltscaffold.record.names import check_name
from ltscaffold.templating.catalog import Catalog
from ltscaffold.templating.source import SOURCE_URL
from ltscaffold.writing.plan import check_not_taken


def config_group(catalog: Catalog, answers: Answers, new: ComponentType, base: str) -> str:
    """Return the config group of a base, a task of the runtime or of the project.

    It is empty for a callback.

    Args:
        catalog: the catalog of the project's templates.
        answers: the record of the project.
        new: the type of the component to create.
        base: the name of the base.

    Raises:
        ScaffoldError: if the base is unknown, or not supported by the project's templates.
    """
    if new is CALLBACK:
        return ""
    tasks = {each.name: each for each in answers.components if new.name == each.type == TASK.name}
    if base in tasks:
        check_version(answers, CHAINING_SINCE, "a task on a task of the project")
        return tasks[base].group
    return str(catalog.entry("base", base, also=tasks)["group"])


def check_version(answers: Answers, since: str, feature: str) -> None:
    """Check that the project's templates have a feature; templates of others are not checked.

    Args:
        answers: the record of the project.
        since: the first template version with the feature.
        feature: the feature, for the error message.

    Raises:
        ScaffoldError: if the project has an older version of ltscaffold's templates.
    """
    if answers.source == SOURCE_URL and _numbers(answers.version) < _numbers(since):
        raise ScaffoldError(
            f"{feature} needs templates {since}, the project has {answers.version}; run "
            "`ltscaffold update` first"
        )


def check_new_name(catalog: Catalog, answers: Answers, new: ComponentType, name: str) -> None:
    """Check the name of a new component.

    Args:
        catalog: the catalog of the project's templates.
        answers: the record of the project.
        new: the type of the component.
        name: the name to check.

    Raises:
        ScaffoldError: if the name is invalid, reserved or taken.
    """
    check_name(new.name, name)
    if name in catalog.names("base"):
        raise ScaffoldError(f"'{name}' is the name of a base; call the {new.name} my_{name}")
    if name in new.reserved_names:
        raise ScaffoldError(f"'{name}' is reserved by the runtime; call the {new.name} my_{name}")
    taken = [component.type for component in answers.components if component.name == name]
    if taken:
        raise ScaffoldError(f"this project has a {taken[0]} '{name}' already; choose another name")


def check_not_hidden(project: Path, answers: Answers, component: Component) -> None:
    """Check that the user has no module that a component's module would hide, or be hidden by.

    Args:
        project: the folder of the project.
        answers: the record of the project.
        component: the component to create.

    Raises:
        ScaffoldError: if there is one.
    """
    module = f"{answers.package}/{component.module.replace('.', '/')}"
    package = f"{answers.package}/{component.module.partition('.')[0]}"
    check_not_taken(project, [f"{package}.py", f"{module}/__init__.py"])


def checked_fragments(
    catalog: Catalog, answers: Answers, new: Component, hooks: Sequence[str], recipes: Sequence[str]
) -> list[str]:
    """Return the template fragments of hooks and recipes, without duplicates.

    A recipe applies once, and not with one that it conflicts with; a task inherits the recipes of
    the tasks that it is based on.

    Args:
        catalog: the catalog of the project's templates.
        answers: the record of the project.
        new: the component that gets them.
        hooks: names of hooks.
        recipes: names of recipes.

    Raises:
        ScaffoldError: if a hook or recipe does not exist or does not fit the component, or if a
            recipe conflicts with another.
    """
    component_type = COMPONENT_TYPES[new.type]
    if recipes and component_type is not TASK:
        raise ScaffoldError(f"a {new.type} has no recipes; omit --recipe")
    for hook in hooks:
        catalog.hook(component_type, hook)
    ancestors = answers.ancestors(new.base)
    base = ancestors[-1].base if ancestors else new.base
    descendants = [each for each in answers.components if new in answers.ancestors(each.base)]
    fragments = [f"recipes/{recipe}" for recipe in recipes]
    related = [new, *ancestors, *descendants]
    taken = {*fragments, *(each for one in related for each in one.fragments)}
    for recipe in recipes:
        reason = catalog.entry("recipe", recipe).get("unsuitable", {}).get(base)
        if reason:
            raise ScaffoldError(f"recipe '{recipe}' does not fit {base}: {reason}; omit it")
        conflicts = catalog.entry("recipe", recipe).get("conflicts", {})
        for other, reason in conflicts.items():
            if f"recipes/{other}" in taken:
                raise ScaffoldError(
                    f"recipe '{recipe}' does not combine with '{other}': {reason}; omit one"
                )
        for other in [*ancestors, *descendants]:
            if f"recipes/{recipe}" in other.fragments:
                relation = "inherits it from" if other in ancestors else "is the base of"
                raise ScaffoldError(
                    f"recipe '{recipe}' would apply twice: {new.name} {relation} {other.name}, "
                    "which has it; omit it"
                )
    return list(dict.fromkeys([*fragments, *map(component_type.fragment, hooks)]))


def _numbers(version: str) -> list[int]:
    return [int(number) for number in version.removeprefix("v").split(".")]
