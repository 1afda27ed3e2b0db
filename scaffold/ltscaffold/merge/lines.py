"""Merges by line, as git makes them, and so `copier update`, too."""

import tempfile
from pathlib import Path

from ltscaffold.git import git_error, run_git

LABELS = ("before updating", "last update", "after updating")
"""Of the markers in a conflict; `copier update` names them so."""


def merge_lines(
    ours: bytes, base: bytes, theirs: bytes, show_base: bool = True
) -> tuple[bytes, bool]:
    """Return the merge as git makes it, and whether the two changes meet in a conflict.

    Args:
        ours: as it was edited.
        base: as it was rendered.
        theirs: as it is rendered now.
        show_base: let a conflict show all three; `copier update` shows two.
    """
    with tempfile.TemporaryDirectory(prefix="ltscaffold-merge") as folder:
        names = ("ours", "base", "theirs")
        for name, content in zip(names, (ours, base, theirs), strict=True):
            (Path(folder) / name).write_bytes(content)
        labels = [word for label in LABELS for word in ("-L", label)]
        style = ["--diff3"] if show_base else []
        done = run_git("merge-file", "-p", *style, *labels, *names, cwd=Path(folder))
    if not 0 <= done.returncode < 128:  # else it is the number of conflicts
        raise git_error(done)
    return done.stdout, done.returncode > 0


def conflict_lines(merged: bytes) -> list[int]:
    """Return the line of each conflict, counted from 1."""
    start = f"<<<<<<< {LABELS[0]}".encode()
    return [number for number, line in enumerate(merged.split(b"\n"), 1) if line.startswith(start)]
