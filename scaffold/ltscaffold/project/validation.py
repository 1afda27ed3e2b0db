"""Whether a project can have a component: its name, its base, its hooks and recipes."""

from collections.abc import Sequence

from ltscaffold.errors import ScaffoldError
from ltscaffold.record.answers import Answers, Item
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


def group_of(catalog: Catalog, answers: Answers, kind: ComponentType, base: str) -> str:
    """Return the config group of a base: a task of the runtime, or one of the project.

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
    if answers.source == SOURCE_URL and _numbers(answers.version) < _numbers(since):
        raise ScaffoldError(
            f"{what} needs templates {since}, the project has {answers.version}: commit, run "
            "copier update, and try again"
        )


def check_new_name(catalog: Catalog, answers: Answers, kind: ComponentType, name: str) -> None:
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


def checked_parts(
    catalog: Catalog, answers: Answers, item: Item, hooks: Sequence[str], recipes: Sequence[str]
) -> list[str]:
    """Return the paths of the partials of hooks and recipes, each once.

    A recipe goes in once: a task inherits those of the tasks that it is based on.

    Raises:
        ScaffoldError: for a hook or recipe that does not exist or does not fit the item.
    """
    kind = COMPONENT_TYPES[item.kind]
    if recipes and kind is not TASK:
        raise ScaffoldError(f"a {item.kind} has no recipes: leave --recipe out")
    for hook in hooks:
        catalog.hook(kind, hook)
    line = answers.ancestors(item.base)
    base = line[-1].base if line else item.base
    heirs = [other for other in answers.items if item in answers.ancestors(other.base)]
    for recipe in recipes:
        reason = catalog.entry("recipe", recipe).get("unsuitable", {}).get(base)
        if reason:
            raise ScaffoldError(f"recipe '{recipe}' does not fit {base}: {reason}")
        for other in [*line, *heirs]:
            if f"recipes/{recipe}" in other.parts:
                relation = "inherits it from" if other in line else "is the base of"
                raise ScaffoldError(
                    f"recipe '{recipe}' would apply twice: {item.name} {relation} {other.name}, "
                    "which has it; leave it out"
                )
    parts = [f"recipes/{recipe}" for recipe in recipes] + [kind.part(hook) for hook in hooks]
    return list(dict.fromkeys(parts))


def _numbers(version: str) -> list[int]:
    return [int(number) for number in version.removeprefix("v").split(".")]
