"""The merge of a project's files with newer templates."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Literal

from ltscaffold.templating.render import Files
from ltscaffold.writing.plan import SourceLocation, check_not_taken, read

if TYPE_CHECKING:
    from ltscaffold.merge.draft import Draft

Strategy = Literal["semantic", "line"]
"""By class member and YAML key, or by line, as `copier update` merges."""


@dataclass
class Merge:
    """The result of a merge.

    Attributes:
        contents: the new contents by path; None deletes the file.
        conflicts: lines with conflict markers.
        reviews: lines where an edit is kept that the template changed too.
        notes: files and members that are left unchanged.
    """

    contents: dict[str, bytes | None] = field(default_factory=dict)
    conflicts: list[SourceLocation] = field(default_factory=list)
    reviews: list[SourceLocation] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def merge_files(project: Path, base: Files, theirs: Files, strategy: Strategy) -> Merge:
    """Return the merge of a project's files with the changes of the templates.

    Args:
        project: the folder of the project.
        base: the files as rendered before.
        theirs: the files as rendered now.
        strategy: how a file that both changed is merged.

    Raises:
        ScaffoldError: if a file to create exists.
    """
    merge = Merge()
    check_not_taken(project, theirs.keys() - base.keys())
    for path, text in theirs.items():
        if path in base:
            _merge_file(project, path, base[path], text, strategy, merge)
        else:
            merge.contents[path] = text.encode()
    for path in base.keys() - theirs.keys():
        if is_edited(project, path, base[path]):
            merge.notes.append(f"{path}: no longer generated; kept, since you edited it")
        else:
            merge.contents[path] = None
    return merge


def is_edited(project: Path, path: str, rendered: str) -> bool:
    """Return whether a file differs from its rendered text, apart from line endings.

    Args:
        project: the folder of the project.
        path: the file; if it does not exist, the result is False.
        rendered: its text as generated.
    """
    ours = read(project, path)
    return ours is not None and ours != _with_newlines(ours, rendered)


def _merge_file(
    project: Path, path: str, base: str, theirs: str, strategy: Strategy, merge: Merge
) -> None:
    """Merge one file into `merge`, for the arguments of `merge_files`.

    Args:
        project: the folder of the project.
        path: the file; one that the user has deleted is not restored.
        base: its text as rendered before.
        theirs: its text as rendered now.
        strategy: how to merge if both sides changed the file.
        merge: gets the content, marks and notes.
    """
    ours = read(project, path)
    if ours is None:
        merge.notes.append(f"{path}: you deleted it; not restored")
        return
    old, new = _with_newlines(ours, base), _with_newlines(ours, theirs)
    if ours == old or old == new:
        merge.contents[path] = new if ours == old else ours
    elif strategy == "line" or not _merge_semantically(path, ours, base, theirs, merge):
        from ltscaffold.merge.lines import conflict_lines, merge_lines

        merged, _ = merge_lines(ours, old, new, show_base=strategy != "line")
        merge.contents[path] = merged
        for line in conflict_lines(merged):
            merge.conflicts.append(SourceLocation(path, line, "choose between the marked lines"))


def _merge_semantically(path: str, ours: bytes, base: str, theirs: str, merge: Merge) -> bool:
    """Merge a file by its members into `merge`.

    Args:
        path: the file, whose suffix determines the merger.
        ours: its content as edited.
        base: its text as rendered before.
        theirs: its text as rendered now.
        merge: gets the content, marks and notes.

    Returns:
        False, with `merge` unchanged, if the file must be merged by line: for another suffix, an
        encoding other than UTF-8, mixed line endings, or code that cannot be parsed.
    """
    try:
        text = ours.decode("utf-8-sig")
    except ValueError:
        return False
    ends, merge_text = text.count("\r\n"), _merger(PurePath(path).suffix)
    mixed = text.count("\r") != ends or ends not in (0, text.count("\n"))
    if mixed or merge_text is None:
        return False
    draft = merge_text(text.replace("\r\n", "\n"), base, theirs)
    if draft is None:
        return False
    bom = ours[: len(ours) - len(text.encode())]
    merge.contents[path] = bom + _with_newlines(ours, draft.text)
    for mark in draft.marks:
        locations = merge.conflicts if mark.kind == "conflict" else merge.reviews
        locations.append(SourceLocation(path, mark.line + 1, mark.message))
    merge.notes += [f"{path}: {note}" for note in draft.notes]
    return True


def _merger(suffix: str) -> "Callable[[str, str, str], Draft | None] | None":
    """Return the semantic merge of files with a suffix; only a merge imports that code."""
    from ltscaffold.merge import merge_python, merge_yaml

    return {".py": merge_python, ".yaml": merge_yaml}.get(suffix)


def _with_newlines(ours: bytes, text: str) -> bytes:
    """Return a text with LF endings as bytes with the line endings of the file `ours`."""
    return (text.replace("\n", "\r\n") if b"\r\n" in ours else text).encode()
