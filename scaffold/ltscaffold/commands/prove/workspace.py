"""A copy of a project outside its tree: sources are copied, everything else is linked."""

import hashlib
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from ltscaffold.project.python_code import NOT_SOURCES, RUN, sources

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
    """Return the SHA-256 of what `make_workspace` writes: the sources, and the linked data.

    Data count by size and time, since they may be large; runs do not count.
    """
    found: dict[str, object] = {}
    for place, folders, names in os.walk(project):
        if Path(place) != project and ("pyvenv.cfg" in names or {*names} >= RUN):
            folders.clear()
            continue
        folders[:] = [name for name in folders if not (name.startswith(".") or name in NOT_SOURCES)]
        for file in (Path(place, name) for name in names if not name.startswith(".")):
            if file.is_file():
                status = file.stat()
                path = file.relative_to(project).as_posix()
                found[path] = status.st_size, status.st_mtime_ns
    written = {path: (project / path).read_bytes() for path in sources(project)} | {**contents}
    for path, content in written.items():
        found[path] = None if content is None else hashlib.sha256(content).hexdigest()
    lines = [f"{path} {state}\n" for path, state in sorted(found.items()) if state is not None]
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()
