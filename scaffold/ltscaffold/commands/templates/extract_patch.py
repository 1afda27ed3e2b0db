"""`ltscaffold template extract-patch`: edits of generated files, as a patch of the templates."""

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from heapq import nlargest
from pathlib import Path

from ltscaffold.errors import ScaffoldError
from ltscaffold.project.components import SKIP_IF_EXISTS
from ltscaffold.project.diagnostics import Finding
from ltscaffold.record.answers import ANSWERS_FILE, Answers, Component, read_project
from ltscaffold.templating import source
from ltscaffold.templating.catalog import FRAGMENT_FOLDERS, Catalog
from ltscaffold.templating.render import Files, render
from ltscaffold.templating.reverse_render import Hunk, candidate_edits, hunks
from ltscaffold.templating.samples import render_each, sample_answers, samples
from ltscaffold.writing.plan import Change, read, write_files

MAX_CANDIDATES = 25
"""How many likely edits of templates are tried for one place."""


@dataclass(frozen=True)
class ExtractedPatch:
    """A patch of the templates for `git apply`, empty if there are findings: what is in the way."""

    patch: str
    findings: list[Finding]


def extract_patch(project: Path, name: str) -> ExtractedPatch:
    """Return a patch that makes the templates render the files of a component as edited.

    Args:
        project: the folder of the project.
        name: the component.

    Raises:
        ScaffoldError: if there is no such component, or no file was edited.
    """
    answers = replace(read_project(project), project_fragments=None)
    component = answers.component(name)
    templates = source.checkout(answers.source, component.template_version)
    with tempfile.TemporaryDirectory(prefix="ltscaffold-patch") as folder:
        search = _PatchSearch(templates, answers, component, Path(folder))
        edited = _edited(project, search.render({}))
        if not _differences(search.render({}), edited):
            raise ScaffoldError(f"{name} is as it was generated: edit a file of it first")
        texts, findings_ = search.search(edited)
        findings = [*findings_] or [*search.regressions(texts)]
    changes = [
        Change(path, read(templates, path), text.encode()) for path, text in sorted(texts.items())
    ]
    patch = "" if findings else "".join(change.diff() for change in changes)
    return ExtractedPatch(patch, findings)


def write_patch(path: Path, patch: str) -> None:
    """Write a patch into a file; raises ScaffoldError if that cannot be done."""
    try:
        path.write_bytes(patch.encode("utf-8", "surrogateescape"))
    except OSError as error:
        raise ScaffoldError(f"cannot write {path}: {error.strerror}") from None


def _edited(project: Path, render: Files) -> Files:
    """Return the files as they are in the project; one that is gone is as rendered."""
    files = dict(render)
    for path in render:
        content = read(project, path)
        if content is not None:
            files[path] = content.decode("utf-8", "surrogateescape").replace("\r\n", "\n")
    return files


class _PatchSearch:
    """Tries edits of templates, and sees what they give for a component."""

    def __init__(
        self, templates: Path, answers: Answers, component: Component, folder: Path
    ) -> None:
        self._templates, self._answers, self._component = templates, answers, component
        self._folder, self._trials = folder, 0
        self._sources = {
            path.relative_to(templates).as_posix(): path.read_text(encoding="utf-8")
            for folder_name in (
                "project",
                *FRAGMENT_FOLDERS,
            )  # not the macros, which all methods share
            for path in (templates / folder_name).rglob("*")
            if path.is_file()
        }

    def render(self, texts: Mapping[str, str]) -> Files:
        """Return the files that may be edited, with other texts of some templates."""
        answers = replace(self._answers, project_fragments=self._overlay(texts))
        whole = self._component.template_version == answers.version
        files = render(self._templates, answers, [self._component], skeleton=whole)
        return {
            path: text
            for path, text in files.items()
            if path not in (ANSWERS_FILE, *SKIP_IF_EXISTS)
        }

    def search(self, edited: Files) -> tuple[dict[str, str], list[Finding]]:
        """Return the templates that give the edited files, or what of these cannot be given."""
        texts: dict[str, str] = {}
        findings_: list[Finding] = []
        given, skipped = self.render(texts), list[tuple[str, list[str], list[str]]]()
        while hunks_ := [
            (path, hunk)
            for path, hunk in _differences(given, edited)
            if (path, hunk.old, hunk.new) not in skipped
        ]:
            path, hunk = hunks_[0]
            found = self._best_candidate(texts, hunk, given, edited)
            if found is None:
                skipped.append((path, hunk.old, hunk.new))
                findings_.append(_not_extracted(path, hunk))
            else:
                texts, given = found
        return texts, findings_

    def _best_candidate(
        self, texts: dict[str, str], hunk: Hunk, given: Files, edited: Files
    ) -> tuple[dict[str, str], Files] | None:
        """Return the templates with an edit that makes a hunk go away, and what they give."""
        guesses = (
            (likelihood, path, text)
            for path, now in (self._sources | texts).items()
            for likelihood, text in candidate_edits(now, hunk, self._component.name)
        )
        for _, path, text in nlargest(MAX_CANDIDATES, guesses):
            tried = texts | {path: text}
            try:
                gives = self.render(tried)
            except ScaffoldError:
                continue
            if (
                gives.keys() == given.keys()
                and _distance(gives, edited) <= _distance(given, edited) - hunk.size
            ):
                return tried, gives
        return None

    def regressions(self, texts: Mapping[str, str]) -> Iterator[Finding]:
        """Yield what no longer renders of all that the templates can give."""
        components = samples(Catalog(self._templates))
        answers = sample_answers(self._answers.source, components, self._overlay(texts))
        for component, files in render_each(self._templates, answers):
            if isinstance(files, str):
                yield Finding("template-error", component.name, 0, f"with the edit, {files}")

    def _overlay(self, texts: Mapping[str, str]) -> Path:
        """Return a new folder with the templates that differ; Jinja may keep what it read."""
        self._trials += 1
        folder = self._folder / str(self._trials)
        write_files(folder, texts)
        return folder


def _differences(given: Files, edited: Files) -> list[tuple[str, Hunk]]:
    """Return where files differ, each place with the path of its file."""
    return [(path, hunk) for path, text in given.items() for hunk in hunks(text, edited[path])]


def _distance(given: Files, edited: Files) -> int:
    return sum(hunk.size for _, hunk in _differences(given, edited))


def _not_extracted(path: str, hunk: Hunk) -> Finding:
    shown = next((line.strip() for line in (*hunk.new, *hunk.old) if line.strip()), "a blank line")
    message = (
        f"no template has a place for '{shown}': it is computed or filled from an answer there, or "
        "it is about this component alone"
    )
    return Finding("not-harvested", path, hunk.line, message)
