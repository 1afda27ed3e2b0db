"""`ltscaffold list`: what there is to choose from, and what was generated."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ltscaffold.errors import ScaffoldError
from ltscaffold.project.first_answers import answers_of
from ltscaffold.project.validation import check_version, group_of
from ltscaffold.record.answers import read_project
from ltscaffold.record.component_types import CALLBACK, COMPONENT_TYPES
from ltscaffold.templating.catalog import catalog_of


def rows(project: Path, what: str) -> list[dict[str, str]]:
    """Return the bases, recipes or items, each as its columns by name."""
    if what == "items":
        return [
            {"name": item.name, "kind": item.kind, "base": item.base, "version": item.v}
            for item in read_project(project).items
        ]
    catalog, kind = catalog_of(answers_of(project)), what.removesuffix("s")
    return [
        {"name": name, "summary": catalog.entry(kind, name)["summary"]}
        for name in catalog.names(kind)
    ]


def hook_rows(project: Path, kind_name: str, base: str | None = None) -> list[dict[str, str]]:
    """Return the hooks of a kind of items by stage, each as its columns by name.

    Args:
        project: a folder, with or without a project.
        kind_name: whose hooks.
        base: a task that they are to fit: those of the runtime and the project all have them.

    Raises:
        ScaffoldError: if there is no such base, or the project's templates are too old.
    """
    kind, answers = COMPONENT_TYPES[kind_name], answers_of(project)
    catalog = catalog_of(answers)
    check_version(answers, kind.since, f"a {kind.name}")
    if base is not None:
        if kind is CALLBACK:
            raise ScaffoldError("a callback fits every task: leave --base out")
        group_of(catalog, answers, kind, base)
    found = [_hook_row(name, catalog.hook(kind, name)) for name in catalog.hook_names(kind)]
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
