"""Merges by line, as git and `copier update` make them."""

import tempfile
from difflib import SequenceMatcher
from itertools import pairwise
from pathlib import Path

from ltscaffold.git import git_error, run_git
from ltscaffold.writing.plan import split_lines

LABELS = ("before updating", "last update", "after updating")
"""Labels of the conflict markers, as `copier update` names them."""


def merge_lines(
    ours: bytes, base: bytes, theirs: bytes, show_base: bool = True
) -> tuple[bytes, bool]:
    """Return git's merge of a file, and whether it has conflicts.

    Args:
        ours: the content as edited.
        base: the content as rendered before.
        theirs: the content as rendered now.
        show_base: show the base in a conflict, which `copier update` does not.

    Raises:
        ScaffoldError: if git fails.
    """
    with tempfile.TemporaryDirectory(prefix="ltscaffold-merge") as folder:
        names = ("ours", "base", "theirs")
        for name, content in zip(names, (ours, base, theirs), strict=True):
            (Path(folder) / name).write_bytes(content)
        labels = [word for label in LABELS for word in ("-L", label)]
        style = ["--diff3"] if show_base else []
        done = run_git("merge-file", "-p", *style, *labels, *names, cwd=Path(folder))
    if not 0 <= done.returncode < 128:  # up to 127 it counts conflicts
        raise git_error(done)
    return done.stdout, done.returncode > 0


def merge_touching(ours: bytes, base: bytes, theirs: bytes) -> bytes | None:
    """Return a merge of changes to different lines; git's has conflicts if lines are adjacent.

    Args:
        ours: the content as edited.
        base: the content that both have changed.
        theirs: the content with the other changes.

    Returns:
        The merged content, or None if the changes overlap or insert at one place.
    """
    lines, edits = split_lines(base), list[tuple[int, int, list[str]]]()
    for side in map(split_lines, (ours, theirs)):
        matcher = SequenceMatcher(None, lines, side, autojunk=False)
        edits += [
            (start, end, side[first:last])
            for kind, start, end, first, last in matcher.get_opcodes()
            if kind != "equal"
        ]
    edits.sort(key=lambda edit: edit[:2])
    if any(
        end > start or (end, start) == (begin, stop)
        for (begin, end, _), (start, stop, _) in pairwise(edits)
    ):
        return None
    for start, end, replacement in reversed(edits):
        lines[start:end] = replacement
    return "".join(lines).encode("utf-8", "surrogateescape")


def conflict_lines(merged: bytes) -> list[int]:
    """Return the line of each start of a conflict in the result of `merge_lines`, from 1."""
    start = f"<<<<<<< {LABELS[0]}".encode()
    return [number for number, line in enumerate(merged.split(b"\n"), 1) if line.startswith(start)]
