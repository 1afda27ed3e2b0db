"""`ltscaffold add`: add hooks and recipes to a component."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ltscaffold.errors import ScaffoldError
from ltscaffold.project.components import plan_components
from ltscaffold.project.validation import checked_fragments
from ltscaffold.record.answers import read_project
from ltscaffold.templating.catalog import read_catalog
from ltscaffold.writing.plan import Plan


def plan_add(
    project: Path, name: str, hooks: Sequence[str] = (), recipes: Sequence[str] = ()
) -> Plan:
    """Plan to add hooks and recipes to a component; edits are merged.

    Args:
        project: the folder of the project.
        name: the component.
        hooks: methods to add as stubs.
        recipes: recipes to add.

    Raises:
        ScaffoldError: if a name is unknown, already added, or none is given.
    """
    answers = read_project(project)
    component = answers.component(name)
    catalog = read_catalog(answers, component.template_version)
    fragments = checked_fragments(catalog, answers, component, hooks, recipes)
    if not fragments:
        raise ScaffoldError("nothing to add; give a --hook or a --recipe")
    recorded = component.fragments
    taken = [fragment.rpartition("/")[2] for fragment in fragments if fragment in recorded]
    if taken:
        them = "them" if taken[1:] else "it"
        raise ScaffoldError(f"'{name}' has {', '.join(taken)} already; omit {them}")
    grown = replace(component, fragments=[*recorded, *fragments])
    new = answers.with_replaced(component, grown)
    return plan_components(f"add {name}", project, answers, new)
