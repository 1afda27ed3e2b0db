"""`ltscaffold harvest`: edits of generated files, as a patch of the templates."""

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from heapq import nlargest
from pathlib import Path

from ltscaffold.errors import ScaffoldError
from ltscaffold.project.components import KEPT
from ltscaffold.project.diagnostics import Finding
from ltscaffold.record.answers import ANSWERS_FILE, Answers, Item, read_project
from ltscaffold.templating import source
from ltscaffold.templating.catalog import PARTIALS, Catalog
from ltscaffold.templating.render import Files, render
from ltscaffold.templating.reverse_render import Hunk, edits, hunks
from ltscaffold.templating.samples import render_each, sample_answers, samples
from ltscaffold.writing.plan import Change, read, write_files

TRIALS = 25
"""How many likely edits of templates are tried for one place."""


@dataclass(frozen=True)
class Harvest:
    """A patch of the templates for `git apply`, empty if there are findings: what is in the way."""

    patch: str
    findings: list[Finding]


def harvest(project: Path, name: str) -> Harvest:
    """Return how the templates would give an item's files, and the project's, as they are edited.

    Args:
        project: the folder of the project.
        name: the item.

    Raises:
        ScaffoldError: if there is no such item, or no file was edited.
    """
    answers = replace(read_project(project), own_partials=None)
    item = answers.item(name)
    templates = source.checkout(answers.source, item.v)
    with tempfile.TemporaryDirectory(prefix="ltscaffold-harvest") as folder:
        press = _Press(templates, answers, item, Path(folder))
        edited = _edited(project, press.rendered({}))
        if not _differences(press.rendered({}), edited):
            raise ScaffoldError(f"{name} is as it was generated: edit a file of it first")
        texts, left = press.pressed(edited)
        findings = [*left] or [*press.broken(texts)]
    changes = [
        Change(path, read(templates, path), text.encode()) for path, text in sorted(texts.items())
    ]
    patch = "" if findings else "".join(change.diff() for change in changes)
    return Harvest(patch, findings)


def write_patch(path: Path, patch: str) -> None:
    """Write a patch into a file; raises ScaffoldError if that cannot be done."""
    try:
        path.write_bytes(patch.encode("utf-8", "surrogateescape"))
    except OSError as error:
        raise ScaffoldError(f"cannot write {path}: {error.strerror}") from None


def _edited(project: Path, rendered: Files) -> Files:
    """Return the files as they are in the project; one that is gone is as rendered."""
    files = dict(rendered)
    for path in rendered:
        content = read(project, path)
        if content is not None:
            files[path] = content.decode("utf-8", "surrogateescape").replace("\r\n", "\n")
    return files


class _Press:
    """Tries edits of templates, and sees what they give for an item."""

    def __init__(self, templates: Path, answers: Answers, item: Item, folder: Path) -> None:
        self._templates, self._answers, self._item = templates, answers, item
        self._folder, self._trials = folder, 0
        self._sources = {
            path.relative_to(templates).as_posix(): path.read_text(encoding="utf-8")
            for part in ("project", *PARTIALS)  # not the macros, which all methods share
            for path in (templates / part).rglob("*")
            if path.is_file()
        }

    def rendered(self, texts: Mapping[str, str]) -> Files:
        """Return the files that may be edited, with other texts of some templates."""
        answers = replace(self._answers, own_partials=self._overlay(texts))
        whole = self._item.v == answers.version
        files = render(self._templates, answers, [self._item], skeleton=whole)
        return {path: text for path, text in files.items() if path not in (ANSWERS_FILE, *KEPT)}

    def pressed(self, edited: Files) -> tuple[dict[str, str], list[Finding]]:
        """Return the templates that give the edited files, or what of these cannot be given."""
        texts: dict[str, str] = {}
        left: list[Finding] = []
        given, stuck = self.rendered(texts), list[tuple[str, list[str], list[str]]]()
        while places := [
            (path, hunk)
            for path, hunk in _differences(given, edited)
            if (path, hunk.old, hunk.new) not in stuck
        ]:
            path, hunk = places[0]
            found = self._step(texts, hunk, given, edited)
            if found is None:
                stuck.append((path, hunk.old, hunk.new))
                left.append(_not_turned_back(path, hunk))
            else:
                texts, given = found
        return texts, left

    def _step(
        self, texts: dict[str, str], hunk: Hunk, given: Files, edited: Files
    ) -> tuple[dict[str, str], Files] | None:
        """Return the templates with an edit that makes a hunk go away, and what they give."""
        guesses = (
            (likelihood, path, text)
            for path, now in (self._sources | texts).items()
            for likelihood, text in edits(now, hunk, self._item.name)
        )
        for _, path, text in nlargest(TRIALS, guesses):
            tried = texts | {path: text}
            try:
                gives = self.rendered(tried)
            except ScaffoldError:
                continue
            if (
                gives.keys() == given.keys()
                and _far(gives, edited) <= _far(given, edited) - hunk.size
            ):
                return tried, gives
        return None

    def broken(self, texts: Mapping[str, str]) -> Iterator[Finding]:
        """Yield what no longer renders of all that the templates can give."""
        items = samples(Catalog(self._templates))
        answers = sample_answers(self._answers.source, items, self._overlay(texts))
        for item, files in render_each(self._templates, answers):
            if isinstance(files, str):
                yield Finding("template-error", item.name, 0, f"with the edit, {files}")

    def _overlay(self, texts: Mapping[str, str]) -> Path:
        """Return a new folder with the templates that differ; Jinja may keep what it read."""
        self._trials += 1
        folder = self._folder / str(self._trials)
        write_files(folder, texts)
        return folder


def _differences(given: Files, edited: Files) -> list[tuple[str, Hunk]]:
    """Return where files differ, each place with the path of its file."""
    return [(path, hunk) for path, text in given.items() for hunk in hunks(text, edited[path])]


def _far(given: Files, edited: Files) -> int:
    return sum(hunk.size for _, hunk in _differences(given, edited))


def _not_turned_back(path: str, hunk: Hunk) -> Finding:
    shown = next((line.strip() for line in (*hunk.new, *hunk.old) if line.strip()), "a blank line")
    message = (
        f"no template has a place for '{shown}': it is computed or filled from an answer there, or "
        "it is about this item alone"
    )
    return Finding("not-harvested", path, hunk.line, message)
