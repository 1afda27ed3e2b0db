"""The hooks and recipes of an item: which there are, which fit, and what the answers record."""

from collections.abc import Sequence

from ltscaffold.answers import Answers, Item
from ltscaffold.catalog import Catalog
from ltscaffold.errors import ScaffoldError
from ltscaffold.kinds import KINDS, TASK, Kind


def check_parts(
    catalog: Catalog, answers: Answers, item: Item, hooks: Sequence[str], recipes: Sequence[str]
) -> None:
    """Raise ScaffoldError for a hook or recipe that does not exist or does not fit the item.

    A recipe goes in once: a task inherits those of the tasks that it is based on.
    """
    if recipes and item.kind != TASK.name:
        raise ScaffoldError(f"a {item.kind} has no recipes: leave --recipe out")
    for hook in hooks:
        catalog.hook(KINDS[item.kind], hook)
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


def parts_of(kind: Kind, hooks: Sequence[str], recipes: Sequence[str]) -> list[str]:
    """Return the paths of the partials of hooks and recipes, each once."""
    parts = [f"recipes/{recipe}" for recipe in recipes] + [kind.part(hook) for hook in hooks]
    return list(dict.fromkeys(parts))
