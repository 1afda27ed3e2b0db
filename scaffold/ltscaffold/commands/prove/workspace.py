"""A copy of a project outside its tree: sources are copied, everything else is linked."""

import hashlib
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from ltscaffold.project.python_code import sources

NOT_LINKED = {".git", "__pycache__", ".pytest_cache"}
"""Folders that a run does not read, but other programs would write to."""

Contents = Mapping[str, bytes | None]
"""New contents of files by path; None deletes a file."""


def make_workspace(project: Path, folder: Path, contents: Contents) -> None:
    """Write a copy of a project with other contents of some files.

    Data, checkpoints and runs are linked, a folder without sources as a whole.

    Args:
        project: the folder of the project.
        folder: the copy, which does not exist.
        contents: the files that differ.
    """
    copied = {*sources(project)} - contents.keys()
    written = {path: content for path, content in contents.items() if content is not None}
    folders = {str(parent) for path in {*copied, *written} for parent in Path(path).parents}
    for place in sorted({".", *folders}):
        (folder / place).mkdir(parents=True, exist_ok=True)
    for path in copied:
        shutil.copy2(project / path, folder / path)
    for path, content in written.items():
        (folder / path).write_bytes(content)
    for place in filter(lambda place: (project / place).is_dir(), sorted({".", *folders})):
        for name in os.listdir(project / place):
            path = (Path(place) / name).as_posix()
            if path not in folders | copied | contents.keys() and name not in NOT_LINKED:
                (folder / path).symlink_to((project / path).resolve())


def digest_of_workspace(project: Path, contents: Contents) -> str:
    """Return the SHA-256 of what `make_workspace` writes: the sources, and the linked files.

    Linked files count by size and time, and only where sources are, since data may be large.
    """
    own = sources(project)
    found: dict[str, object] = {}
    for place in sorted({str(Path(path).parent) for path in own}):
        for entry in os.scandir(project / place):
            if entry.is_file() and not entry.name.startswith("."):
                status = entry.stat()
                found[(Path(place) / entry.name).as_posix()] = status.st_size, status.st_mtime_ns
    written = {path: (project / path).read_bytes() for path in own} | {**contents}
    for path, content in written.items():
        found[path] = None if content is None else hashlib.sha256(content).hexdigest()
    lines = [f"{path} {state}\n" for path, state in sorted(found.items()) if state is not None]
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()
