"""Partials of the templates that a project has for its own, and what the templates have."""

from collections.abc import Iterator
from pathlib import Path

from ltscaffold.record.answers import OWN_PARTIALS, Answers
from ltscaffold.templating import source
from ltscaffold.templating.catalog import PARTIALS
from ltscaffold.templating.render import SUFFIX
from ltscaffold.writing.plan import read


def partial_names(templates: Path) -> list[str]:
    """Return the partials that can be ejected, sorted; macros and files of projects cannot."""
    return sorted(
        f"{folder}/{path.name.removesuffix(SUFFIX)}"
        for folder in PARTIALS
        for path in (templates / folder).glob(f"*{SUFFIX}")
    )


def ejected(project: Path) -> list[str]:
    """Return the partials that a project has for its own, sorted, known to its templates or not."""
    folder = project / OWN_PARTIALS
    paths = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return sorted(path.removesuffix(SUFFIX) for path in paths)


def ejected_changes(project: Path, answers: Answers, old: str, new: str) -> Iterator[str]:
    """Yield a line for each partial of the project's own that the templates change, too.

    Args:
        project: the folder of the project.
        answers: what it records.
        old: the version of the templates that it leaves.
        new: the version that it is brought to.
    """
    before, after = (source.checkout(answers.source, version) for version in (old, new))
    for name in ejected(project):
        path = f"{name}{SUFFIX}"
        old_text, new_text = read(before, path), read(after, path)
        if old_text is not None and new_text is None:
            yield f"{OWN_PARTIALS}/{path}: templates {new} no longer have it; delete it"
        elif old_text != new_text:
            yield (
                f"{OWN_PARTIALS}/{path}: its original changed in {new}; take over what you want of "
                f"diff -u {before / path} {after / path}"
            )
