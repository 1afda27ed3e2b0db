"""`ltscaffold list`: the bases, hooks and recipes on offer, and the components of a project."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ltscaffold.errors import ScaffoldError
from ltscaffold.project.initial_answers import read_or_initial_answers
from ltscaffold.project.validation import check_version, config_group
from ltscaffold.record.answers import read_project
from ltscaffold.record.component_types import CALLBACK, COMPONENT_TYPES
from ltscaffold.templating.catalog import read_catalog


def rows(project: Path, what: str) -> list[dict[str, str]]:
    """Return the bases, recipes or shells, with `name` and `summary`, or the components.

    A component has `name`, `kind` (its type), `base` and `version` (of its templates).

    Args:
        project: a folder, with or without a project; for components, with one.
        what: "bases", "recipes", "shell" or "components".

    Raises:
        ScaffoldError: for components, if the folder has no project.
    """
    if what == "components":
        return [
            {"name": c.name, "kind": c.type, "base": c.base, "version": c.template_version}
            for c in read_project(project).components
        ]
    catalog, category = read_catalog(read_or_initial_answers(project)), what.removesuffix("s")
    return [
        {"name": name, "summary": catalog.entry(category, name)["summary"]}
        for name in catalog.names(category)
    ]


def hook_rows(project: Path, type_name: str, base: str | None = None) -> list[dict[str, str]]:
    """Return the hooks of a component type, sorted by stage.

    A hook has `stage`, `name`, `signature`, `when` (it is called, or "") and `summary`.

    Args:
        project: a folder, with or without a project.
        type_name: the component type.
        base: a base to check; all bases of a type have the same hooks.

    Raises:
        ScaffoldError: if the base is unknown, or the project's templates are too old.
    """
    component_type, answers = COMPONENT_TYPES[type_name], read_or_initial_answers(project)
    catalog = read_catalog(answers)
    check_version(answers, component_type.since, f"a {component_type.name}")
    if base is not None:
        if component_type is CALLBACK:
            raise ScaffoldError("a callback has no base; omit --base")
        config_group(catalog, answers, component_type, base)
    names = catalog.hook_names(component_type)
    found = [_hook_row(name, catalog.hook(component_type, name)) for name in names]
    return sorted(found, key=lambda row: [*row.values()])


def _hook_row(name: str, hook: Mapping[str, Any]) -> dict[str, str]:
    parameters = "" if "decorator" in hook else f"({', '.join(hook['parameters'])})"
    return {
        "stage": hook["phase"],
        "name": name,
        "signature": f"{hook.get('decorator', '')}{parameters} -> {hook['returns']}",
        "when": hook.get("when", ""),
        "summary": hook["summary"],
    }
