"""`ltscaffold template extract-patch`: turn edits of generated files into a template patch."""

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
from ltscaffold.templating.catalog import Catalog
from ltscaffold.templating.fragments import FRAGMENT_FOLDERS
from ltscaffold.templating.render import Files, render
from ltscaffold.templating.reverse_render import Hunk, candidate_edits, hunks
from ltscaffold.templating.samples import render_each, sample_answers, samples
from ltscaffold.writing.plan import Change, read, write_files

MAX_CANDIDATES = 25
"""Number of candidate edits of templates that are rendered for one hunk."""


@dataclass(frozen=True)
class ExtractedPatch:
    """The result of `extract_patch`.

    Attributes:
        patch: of the templates, for `git apply`; empty if there are findings.
        findings: edits that cannot be extracted, or samples that the patched templates break.
    """

    patch: str
    findings: list[Finding]


def extract_patch(project: Path, name: str) -> ExtractedPatch:
    """Return a patch with which the templates render a component's files as they are edited.

    Args:
        project: the folder of the project.
        name: the component; if it is at the project's version, files of the skeleton count too.

    Raises:
        ScaffoldError: if the component does not exist, or no file was edited.
    """
    answers = replace(read_project(project), project_fragments=None)
    component = answers.component(name)
    templates = source.checkout(answers.source, component.template_version)
    with tempfile.TemporaryDirectory(prefix="ltscaffold-patch") as folder:
        search = _PatchSearch(templates, answers, component, Path(folder))
        edited = _edited(project, search.render({}))
        if not _differences(search.render({}), edited):
            raise ScaffoldError(f"no file of '{name}' was edited; edit one first")
        texts, not_extracted = search.run(edited)
        findings = not_extracted or [*search.regressions(texts)]
    changes = [
        Change(path, read(templates, path), text.encode()) for path, text in sorted(texts.items())
    ]
    patch = "" if findings else "".join(change.diff() for change in changes)
    return ExtractedPatch(patch, findings)


def write_patch(path: Path, patch: str) -> None:
    """Write a patch to a file; raises ScaffoldError if the file is not writable."""
    try:
        path.write_bytes(patch.encode("utf-8", "surrogateescape"))
    except OSError as error:
        raise ScaffoldError(
            f"cannot write {path}: {error.strerror}; give another --output"
        ) from None


def _edited(project: Path, rendered: Files) -> Files:
    """Return the files as they are in the project; a missing file is as rendered."""
    files = dict(rendered)
    for path in rendered:
        content = read(project, path)
        if content is not None:
            files[path] = content.decode("utf-8", "surrogateescape").replace("\r\n", "\n")
    return files


class _PatchSearch:
    """Search for edits of templates that render a component's edited files.

    Args:
        templates: the folder of the templates.
        answers: the record of the project.
        owner: the component.
        folder: a temporary folder.
    """

    def __init__(self, templates: Path, answers: Answers, owner: Component, folder: Path) -> None:
        self._templates, self._answers, self._owner = templates, answers, owner
        self._folder, self._renderings = folder, 0
        folders = ("project", *FRAGMENT_FOLDERS)  # not the macros, which all methods share
        self._sources = {
            path.relative_to(templates).as_posix(): path.read_text(encoding="utf-8")
            for folder_name in folders
            for path in (templates / folder_name).rglob("*")
            if path.is_file()
        }

    def render(self, texts: Mapping[str, str]) -> Files:
        """Return the component's files, rendered with edited templates.

        If the component is at the project's version, files of the skeleton are among them, except
        the record and those that belong to the user once they exist.

        Args:
            texts: new texts of templates by path; the others are as released.
        """
        answers = replace(self._answers, project_fragments=self._overlay(texts))
        whole = self._owner.template_version == answers.version
        files = render(self._templates, answers, [self._owner], skeleton=whole)
        excluded = (ANSWERS_FILE, *SKIP_IF_EXISTS)
        return {path: text for path, text in files.items() if path not in excluded}

    def run(self, edited: Files) -> tuple[dict[str, str], list[Finding]]:
        """Return templates that render the edited files, and findings for edits that none renders.

        Args:
            edited: the texts of the component's files by path.

        Returns:
            The new texts of the changed templates by path, and a finding per other edit.
        """
        texts: dict[str, str] = {}
        findings: list[Finding] = []
        given, skipped = self.render(texts), list[tuple[str, list[str], list[str]]]()
        while remaining := [
            (path, hunk)
            for path, hunk in _differences(given, edited)
            if (path, hunk.old, hunk.new) not in skipped
        ]:
            path, hunk = remaining[0]
            found = self._apply(texts, hunk, given, edited)
            if found is None:
                skipped.append((path, hunk.old, hunk.new))
                findings.append(_not_extracted(path, hunk))
            else:
                texts, given = found
        return texts, findings

    def _apply(
        self, texts: dict[str, str], hunk: Hunk, given: Files, edited: Files
    ) -> tuple[dict[str, str], Files] | None:
        """Try the most likely edits of a template for a hunk.

        Args:
            texts: the templates that earlier hunks have edited, by path.
            hunk: the edit of a rendered file.
            given: the files that `texts` render.
            edited: the files to reach.

        Returns:
            The edited templates and the files that they render, or None if no edit renders the
            hunk without other differences.
        """
        candidates = (
            (likelihood, path, text)
            for path, now in (self._sources | texts).items()
            for likelihood, text in candidate_edits(now, hunk, self._owner.name)
        )
        for _, path, text in nlargest(MAX_CANDIDATES, candidates):
            tried = texts | {path: text}
            try:
                files = self.render(tried)
            except ScaffoldError:
                continue
            same = files.keys() == given.keys()
            if same and _distance(files, edited) <= _distance(given, edited) - hunk.size:
                return tried, files
        return None

    def regressions(self, texts: Mapping[str, str]) -> Iterator[Finding]:
        """Yield the samples that no longer render with the edited templates."""
        components = samples(Catalog(self._templates))
        answers = sample_answers(self._answers.source, components, self._overlay(texts))
        for component, files in render_each(self._templates, answers):
            if isinstance(files, str):
                yield Finding("template-error", component.name, 0, f"with the edit, {files}")

    def _overlay(self, texts: Mapping[str, str]) -> Path:
        """Return a new folder with the edited templates; Jinja caches those of an old one."""
        self._renderings += 1
        folder = self._folder / str(self._renderings)
        write_files(folder, texts)
        return folder


def _differences(given: Files, edited: Files) -> list[tuple[str, Hunk]]:
    """Return the hunks in which files differ, each with the path of its file."""
    return [(path, hunk) for path, text in given.items() for hunk in hunks(text, edited[path])]


def _distance(given: Files, edited: Files) -> int:
    """Return the number of lines in which files differ."""
    return sum(hunk.size for _, hunk in _differences(given, edited))


def _not_extracted(path: str, hunk: Hunk) -> Finding:
    preview = next(
        (line.strip() for line in (*hunk.new, *hunk.old) if line.strip()), "a blank line"
    )
    message = (
        f"'{preview}' cannot be extracted: the templates compute it, fill it from an answer, or it "
        "names this component; keep it as an edit"
    )
    return Finding("not-harvested", path, hunk.line, message)
