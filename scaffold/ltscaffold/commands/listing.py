"""`ltscaffold list`: what there is to choose from, and what was generated."""

from collections.abc import Iterator
from pathlib import Path

from ltscaffold import source
from ltscaffold.answers import read_answers, read_project
from ltscaffold.catalog import Catalog
from ltscaffold.errors import ScaffoldError


def catalog_of(project: Path) -> Catalog:
    """Return the catalogue of the templates that a new item of the project is rendered from."""
    if not project.is_dir():
        raise ScaffoldError(f"there is no folder {project}")
    answers = read_answers(project)
    return Catalog(source.checkout(answers.version if answers else source.versions()[-1]))


def rows(project: Path, what: str) -> list[dict[str, str]]:
    """Return the bases, hooks, recipes or items, each as its columns by name."""
    if what == "items":
        return [
            {"name": item.name, "kind": item.kind, "base": item.base, "version": item.v}
            for item in read_project(project).items
        ]
    return sorted(
        _entries(catalog_of(project), what.removesuffix("s")), key=lambda row: [*row.values()]
    )


def _entries(catalog: Catalog, kind: str) -> Iterator[dict[str, str]]:
    for name in catalog.names(kind):
        entry = catalog.entry(kind, name)
        phase = {"phase": entry["phase"]} if "phase" in entry else {}
        yield {**phase, "name": name, "summary": entry["summary"]}
