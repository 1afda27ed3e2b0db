"""Template fragments that a project overrides, and those that it can override."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from ltscaffold.errors import ScaffoldError, unknown
from ltscaffold.record.answers import PROJECT_FRAGMENTS, Answers
from ltscaffold.templating import source
from ltscaffold.templating.fragments import SUFFIX
from ltscaffold.writing.plan import read


def unknown_fragment(name: str, known: Iterable[str]) -> ScaffoldError:
    """Return the error, to be raised, for a name that is not one of the `known` fragments."""
    hint = "write hooks/<name>, recipes/<name> or bases/<name>"
    return unknown("template fragment", name, known, hint)


def ejected_fragments(project: Path) -> list[str]:
    """Return the fragments in a project's folder, sorted, with or without an original."""
    folder = project / PROJECT_FRAGMENTS
    paths = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return sorted(path.removesuffix(SUFFIX) for path in paths)


def ejected_changes(project: Path, answers: Answers, old: str, new: str) -> Iterator[str]:
    """Yield a line for each overridden template fragment whose original changes.

    Args:
        project: the folder of the project.
        answers: the record of the project.
        old: the version of the templates before an update.
        new: the version after it.
    """
    before, after = (source.checkout(answers.source, version) for version in (old, new))
    for name in ejected_fragments(project):
        path = f"{name}{SUFFIX}"
        old_text, new_text = read(before, path), read(after, path)
        if old_text is not None and new_text is None:
            yield f"{PROJECT_FRAGMENTS}/{path}: templates {new} do not have it; delete it"
        elif old_text != new_text:
            yield (
                f"{PROJECT_FRAGMENTS}/{path}: its original changed in {new}; compare: "
                f"diff -u {before / path} {after / path}"
            )
