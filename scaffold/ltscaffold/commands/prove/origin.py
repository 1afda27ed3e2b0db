"""Where a change of a generated file comes from: the version and the template that made it."""

import filecmp
import shutil
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

from ltscaffold.commands.prove.changes import Piece, parts_of
from ltscaffold.errors import ScaffoldError
from ltscaffold.git import git
from ltscaffold.record.answers import Answers
from ltscaffold.templating import source
from ltscaffold.templating.render import render
from ltscaffold.writing.plan import Change


def origins(piece: Piece, old: Answers, new: Answers) -> Iterator[str]:
    """Yield the templates that changed a part of a file: version, template, commits.

    Args:
        piece: the part.
        old: the record of the project before the update.
        new: the record after it.
    """
    versions = source.versions(new.source)
    first = min(versions.index(version) for version in old.template_versions)
    last = max(versions.index(version) for version in new.template_versions)
    for before, after in pairwise(versions[first : last + 1]):
        former, later = (source.checkout(new.source, each) for each in (before, after))
        try:
            is_changed = _is_changed(piece, former, later, new, after)
        except ScaffoldError:  # one of both lacks what the other's answers name
            continue
        if not is_changed:
            continue
        changed = [*_changed_templates(former, later)]
        found = [path for path in changed if _is_cause(piece, path, former, later, new, after)]
        for path in found or [""]:
            commits = _commits(new.source, before, after, path)
            yield ", ".join(filter(None, (f"templates {after}", path, commits)))


def _rendered(templates: Path, answers: Answers, version: str, path: str) -> str | None:
    components = [replace(each, template_version=version) for each in answers.components]
    at_version = replace(answers, version=version, components=components)
    return render(templates, at_version).get(path)


def _is_changed(piece: Piece, former: Path, later: Path, answers: Answers, version: str) -> bool:
    """Return whether two folders of templates give a part of a file another content."""
    texts = [_rendered(each, answers, version, piece.path) for each in (former, later)]
    before, after = (None if text is None else text.encode() for text in texts)
    if before == after:
        return False
    parts = parts_of(Change(piece.path, before, after))
    return parts is None or not piece.part or piece.part in parts.changed()


def _changed_templates(former: Path, later: Path) -> Iterator[str]:
    for file in sorted(former.rglob("*")):
        path = file.relative_to(former)
        twin = later / path
        if file.is_file() and twin.is_file() and not filecmp.cmp(file, twin, shallow=False):
            yield path.as_posix()


def _is_cause(
    piece: Piece, path: str, former: Path, later: Path, answers: Answers, version: str
) -> bool:
    """Return whether the change of a template alone gives a part of a file another content."""
    with TemporaryDirectory(prefix="ltscaffold-prove-") as folder:
        mixed = Path(folder) / "templates"
        shutil.copytree(former, mixed)
        shutil.copy(later / path, mixed / path)
        try:
            return _is_changed(piece, former, mixed, answers, version)
        except ScaffoldError:  # a template that needs another one
            return False


def _commits(url: str, before: str, after: str, path: str) -> str:
    """Return the commits between two versions that changed a template, newest first."""
    words = ["log", "--format=%h %s", f"{before}..{after}", "--", *filter(None, [path])]
    lines = git("--git-dir", source.repository(url), *words).decode().splitlines()
    return "; ".join(f"commit {line}" for line in lines[:3])
