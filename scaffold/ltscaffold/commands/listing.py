"""`ltscaffold list`: what there is to choose from."""

from collections.abc import Iterator
from pathlib import Path

from ltscaffold import source
from ltscaffold.answers import read_answers
from ltscaffold.catalog import Catalog
from ltscaffold.errors import ScaffoldError


def catalog_of(project: Path) -> Catalog:
    """Return the catalogue of the templates that a new item of the project is rendered from."""
    if not project.is_dir():
        raise ScaffoldError(f"there is no folder {project}")
    answers = read_answers(project)
    return Catalog(source.checkout(answers.version if answers else source.versions()[-1]))


def summaries(catalog: Catalog, kind: str) -> Iterator[tuple[str, str, str]]:
    """Yield phase (for hooks), name and summary of each base, hook or recipe."""
    for name in catalog.names(kind):
        entry = catalog.entry(kind, name)
        yield entry.get("phase", ""), name, entry["summary"]
