"""Three-way merges: what the templates gave, what it was edited into, what they give now."""

import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from ltscaffold.errors import ScaffoldError
from ltscaffold.git import clean_environment
from ltscaffold.plan import check_free, read
from ltscaffold.render import Files

LABELS = ("before updating", "last update", "after updating")
"""Of the markers in a conflict; `copier update` names them so."""


@dataclass
class Merge:
    """Contents to write by path (None: the file goes), conflicts, and what was left as it is."""

    contents: dict[str, bytes | None] = field(default_factory=dict)
    conflicts: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def merge_files(project: Path, base: Files, theirs: Files) -> Merge:
    """Return how a project takes over what templates changed, with its edits kept.

    Args:
        project: the folder of the project.
        base: files as they were rendered.
        theirs: the same files as they are rendered now.

    Raises:
        ScaffoldError: if a new file is there already.
    """
    merge = Merge()
    check_free(project, theirs.keys() - base.keys())
    for path, text in theirs.items():
        if path in base:
            _merge_one(project, path, base[path], text, merge)
        else:
            merge.contents[path] = text.encode()
    for path in base.keys() - theirs.keys():
        if is_edited(project, path, base[path]):
            merge.notes.append(f"{path}: no longer generated; kept, since it was edited")
        else:
            merge.contents[path] = None
    return merge


def is_edited(project: Path, path: str, rendered: str) -> bool:
    """Tell whether a file differs from what was rendered; one that is gone does not."""
    ours = read(project, path)
    return ours is not None and ours != _like(ours, rendered)


def _merge_one(project: Path, path: str, base: str, theirs: str, merge: Merge) -> None:
    ours = read(project, path)
    if ours is None:
        merge.notes.append(f"{path}: was deleted, and stays so")
        return
    old, new = _like(ours, base), _like(ours, theirs)
    if ours == old or old == new:
        merge.contents[path] = new if ours == old else ours
        return
    merge.contents[path], conflict = three_way(ours, old, new)
    if conflict:
        merge.conflicts.append(path)


def three_way(ours: bytes, base: bytes, theirs: bytes) -> tuple[bytes, bool]:
    """Return the merge as git makes it, and whether the two changes meet in a conflict."""
    with tempfile.TemporaryDirectory(prefix="ltscaffold-merge") as folder:
        names = ("ours", "base", "theirs")
        for name, content in zip(names, (ours, base, theirs), strict=True):
            (Path(folder) / name).write_bytes(content)
        labels = [word for label in LABELS for word in ("-L", label)]
        command = ["git", "merge-file", "-p", "--diff3", *labels, *names]
        try:
            done = subprocess.run(
                command, cwd=folder, env=clean_environment(), capture_output=True, check=False
            )
        except FileNotFoundError:
            raise ScaffoldError("git is not on PATH: install it, and try again") from None
    if not 0 <= done.returncode < 128:  # else it is the number of conflicts
        raise ScaffoldError(f"git merge-file failed: {done.stderr.decode(errors='replace')}")
    return done.stdout, done.returncode > 0


def _like(ours: bytes, text: str) -> bytes:
    """Return text with the line ends that a file has."""
    return (text.replace("\n", "\r\n") if b"\r\n" in ours else text).encode()
