"""Merges by line, as git makes them, and so `copier update`, too."""

import subprocess
import tempfile
from pathlib import Path

from ltscaffold.errors import ScaffoldError
from ltscaffold.git import clean_environment

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
        command = ["git", "merge-file", "-p", *style, *labels, *names]
        try:
            done = subprocess.run(
                command, cwd=folder, env=clean_environment(), capture_output=True, check=False
            )
        except FileNotFoundError:
            raise ScaffoldError("git is not on PATH: install it, and try again") from None
    if not 0 <= done.returncode < 128:  # else it is the number of conflicts
        raise ScaffoldError(f"git merge-file failed: {done.stderr.decode(errors='replace')}")
    return done.stdout, done.returncode > 0


def conflict_lines(merged: bytes) -> list[int]:
    """Return the line of each conflict, counted from 1."""
    start = f"<<<<<<< {LABELS[0]}".encode()
    return [number for number, line in enumerate(merged.split(b"\n"), 1) if line.startswith(start)]
