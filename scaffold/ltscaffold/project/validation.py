"""Whether a project can have a component: its name, its base, its hooks and recipes."""

from collections.abc import Sequence

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


def config_group(
    catalog: Catalog, answers: Answers, component_type: ComponentType, base: str
) -> str:
    """Return the config group of a base: a task of the runtime, or one of the project.

    Raises:
        ScaffoldError: if there is none of this name, or if it cannot be one.
    """
    if component_type is CALLBACK:
        return ""
    tasks = (
        [component for component in answers.components if component.type == TASK.name]
        if component_type is TASK
        else []
    )
    for component in tasks:
        if component.name == base:
            check_version(answers, CHAINING_SINCE, "a task on a task of the project")
            return component.group
    entry = catalog.entry("base", base, also=[component.name for component in tasks])
    return str(entry["group"])


def check_version(answers: Answers, since: str, what: str) -> None:
    """Raise ScaffoldError if the templates are ours, and older than what is asked for."""
    if answers.source == SOURCE_URL and _numbers(answers.version) < _numbers(since):
        raise ScaffoldError(
            f"{what} needs templates {since}, the project has {answers.version}: commit, run "
            "copier update, and try again"
        )


def check_new_name(
    catalog: Catalog, answers: Answers, component_type: ComponentType, name: str
) -> None:
    """Raise ScaffoldError unless a component of the project can be called so."""
    check_name(component_type.name, name)
    if name in catalog.names("base"):
        raise ScaffoldError(
            f"'{name}' is the name of a base: call the {component_type.name} my_{name}"
        )
    if name in component_type.reserved_names:
        raise ScaffoldError(
            f"'{name}' is the name of something else here: call the {component_type.name} my_{name}"
        )
    taken = [component.type for component in answers.components if component.name == name]
    if taken:
        raise ScaffoldError(f"there is a {taken[0]} '{name}' in this project: choose another name")


def checked_fragments(
    catalog: Catalog,
    answers: Answers,
    component: Component,
    hooks: Sequence[str],
    recipes: Sequence[str],
) -> list[str]:
    """Return the paths of the fragments of hooks and recipes, each once.

    A recipe goes in once: a task inherits those of the tasks that it is based on.

    Raises:
        ScaffoldError: for a hook or recipe that does not exist or does not fit the component.
    """
    component_type = COMPONENT_TYPES[component.type]
    if recipes and component_type is not TASK:
        raise ScaffoldError(f"a {component.type} has no recipes: leave --recipe out")
    for hook in hooks:
        catalog.hook(component_type, hook)
    line = answers.ancestors(component.base)
    base = line[-1].base if line else component.base
    heirs = [other for other in answers.components if component in answers.ancestors(other.base)]
    for recipe in recipes:
        reason = catalog.entry("recipe", recipe).get("unsuitable", {}).get(base)
        if reason:
            raise ScaffoldError(f"recipe '{recipe}' does not fit {base}: {reason}")
        for other in [*line, *heirs]:
            if f"recipes/{recipe}" in other.fragments:
                relation = "inherits it from" if other in line else "is the base of"
                raise ScaffoldError(
                    f"recipe '{recipe}' would apply twice: {component.name} {relation} "
                    f"{other.name}, which has it; leave it out"
                )
    fragments = [f"recipes/{recipe}" for recipe in recipes] + [
        component_type.fragment(hook) for hook in hooks
    ]
    return list(dict.fromkeys(fragments))


def _numbers(version: str) -> list[int]:
    return [int(number) for number in version.removeprefix("v").split(".")]
