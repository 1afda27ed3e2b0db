"""`ltscaffold list`: what there is to choose from, and what was generated."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ltscaffold import source
from ltscaffold.answers import Answers, read_answers, read_project
from ltscaffold.catalog import Catalog
from ltscaffold.commands.new_item import check_version, group_of, new_answers
from ltscaffold.errors import ScaffoldError
from ltscaffold.kinds import CALLBACK, KINDS


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
    kind, answers = KINDS[kind_name], answers_of(project)
    catalog = catalog_of(answers)
    check_version(answers, kind.since, f"a {kind.name}")
    if base is not None:
        if kind is CALLBACK:
            raise ScaffoldError("a callback fits every task: leave --base out")
        group_of(catalog, answers, kind, base)
    found = [_hook_row(name, catalog.hook(kind, name)) for name in catalog.hook_names(kind)]
    return sorted(found, key=lambda row: [*row.values()])


def answers_of(project: Path) -> Answers:
    """Return what a project records, or what a new one in the folder would."""
    if not project.is_dir():
        raise ScaffoldError(f"there is no folder {project}")
    return read_answers(project) or new_answers(None)


def catalog_of(answers: Answers) -> Catalog:
    """Return the catalogue of the templates that a new item of the project is rendered from."""
    return Catalog(source.checkout(answers.source, answers.version), answers.own_partials)


def _hook_row(name: str, hook: Mapping[str, Any]) -> dict[str, str]:
    parameters = "" if "decorator" in hook else f"({', '.join(hook['parameters'])})"
    return {
        "stage": hook["phase"],
        "name": name,
        "signature": f"{hook.get('decorator', '')}{parameters} -> {hook['returns']}",
        "when": hook.get("when", ""),
        "summary": hook["summary"],
    }
