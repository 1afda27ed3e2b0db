"""`ltscaffold add`: more hooks and recipes for a component that exists."""

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
    """Plan to give a component more hooks and recipes; they are merged into the edited files.

    Args:
        project: the folder of the project.
        name: the component.
        hooks: methods to write stubs for.
        recipes: ready-made customisations to write.

    Raises:
        ScaffoldError: for an unknown name, or if there is nothing to add.
    """
    answers = read_project(project)
    component = answers.component(name)
    catalog = read_catalog(answers, component.template_version)
    fragments = checked_fragments(catalog, answers, component, hooks, recipes)
    if not fragments:
        raise ScaffoldError("there is nothing to add: name a --hook or a --recipe")
    taken = [
        fragment.rpartition("/")[2] for fragment in fragments if fragment in component.fragments
    ]
    if taken:
        raise ScaffoldError(f"{name} has {', '.join(taken)} already: leave it out")
    new = answers.with_replaced(
        component, replace(component, fragments=[*component.fragments, *fragments])
    )
    return plan_components(f"add {name}", project, answers, new)
