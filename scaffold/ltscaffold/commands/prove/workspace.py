"""A copy of a project outside its tree: sources are copied, everything else is linked."""

import hashlib
import os
import re
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from ltscaffold.project.python_code import NOT_SOURCES, RUN, sources

NOT_LINKED = {".git", "__pycache__", ".pytest_cache", "outputs"}
"""Folders that a run writes to, or does not read."""

OUTPUT = re.compile(r"outputs/[^\s'\"`,\[\]{}()]*[^\s'\"`,\[\]{}()/.]")
"""A path below `outputs`, in a command or a source."""
REPORTS = {".html", ".log", ".md", ".out"}
"""Suffixes of files in a project's own folder that no run reads, such as the page of a proof."""

Contents = Mapping[str, bytes | None]
"""New contents of files by path; None deletes a file."""


def make_workspace(
    project: Path,
    folder: Path,
    contents: Contents,
    directory: Path = Path(),
    words: Iterable[str] = (),
) -> None:
    """Write a copy of a project with other contents of some files.

    Data and checkpoints are linked, a folder without sources as a whole; of the runs, only what the
    sources or a command name.

    Args:
        project: the folder of the project.
        folder: the copy, which does not exist.
        contents: the files that differ.
        directory: where the command is typed, relative to the project; it is not linked.
        words: the words of the command.
    """
    copied = {*sources(project)} - contents.keys()
    written = {path: content for path, content in contents.items() if content is not None}
    files = {*copied, *written, (directory / "file").as_posix()}
    folders = {str(parent) for path in files for parent in Path(path).parents}
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
    texts = [*words, *(_text(folder / path) for path in {*copied, *written})]
    for output in sorted({each for text in texts for each in OUTPUT.findall(text)}):
        for start in {Path(), directory}:
            link, target = folder / start / output, project / start / output
            if target.exists() and not link.exists():
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(target.resolve())


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="replace")


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
            is_report = file.parent == project and file.suffix in REPORTS
            if file.is_file() and not is_report:
                status = file.stat()
                path = file.relative_to(project).as_posix()
                found[path] = status.st_size, status.st_mtime_ns
    written = {path: (project / path).read_bytes() for path in sources(project)} | {**contents}
    for path, content in written.items():
        found[path] = None if content is None else hashlib.sha256(content).hexdigest()
    lines = [f"{path} {state}\n" for path, state in sorted(found.items()) if state is not None]
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()
