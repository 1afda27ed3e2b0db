"""The code of a project: its files, and the definitions of a Python file."""

import ast
import os
import stat
from collections.abc import Container, Iterator
from functools import lru_cache
from pathlib import Path, PurePath

from ltscaffold.git import ignored_paths

NOT_SOURCES = {"__pycache__", "node_modules", "outputs"}
"""Folders with files that a project has not written, besides environments and recorded runs."""
SOURCES = {".cfg", ".ini", ".py", ".sh", ".toml", ".yaml", ".yml"}
"""Suffixes of the files that codemods read."""
TEXTS = SOURCES | {"", ".ipynb", ".md", ".rst"}
"""Suffixes of the files that may name a component, such as a Makefile and notebooks."""
MAX_BYTES = 1_000_000
"""A larger file is data."""
RUN = {"config.yaml", "manifest.yaml"}
"""The files by which a folder is a recorded run."""


@lru_cache(4096)
def parse_or_empty(code: bytes | str | None) -> ast.Module:
    """Return the syntax tree of a module, without statements for None or a syntax error.

    The tree is kept, since a command asks several times for each file: do not change it.
    """
    try:
        return ast.parse(code or "")
    except (SyntaxError, ValueError):
        return ast.Module([], [])


def methods(code: bytes | str | None) -> Iterator[tuple[str, ast.FunctionDef]]:
    """Yield the name of the class and the node of each method of the top-level classes."""
    for node in parse_or_empty(code).body:
        if isinstance(node, ast.ClassDef):
            functions = (each for each in node.body if isinstance(each, ast.FunctionDef))
            yield from ((node.name, function) for function in functions)


def sources(project: Path, suffixes: Container[str] = SOURCES) -> list[str]:
    """Return the paths of code and configs in a project, relative to it, sorted.

    Files that git ignores, large files, environments and runs are omitted.

    Args:
        project: the folder of the project.
        suffixes: those of the files.
    """
    found = []
    for folder, folders, names in os.walk(project):
        if Path(folder) != project and ("pyvenv.cfg" in names or set(names) >= RUN):
            folders.clear()
            continue
        folders[:] = [name for name in folders if not (name.startswith(".") or name in NOT_SOURCES)]
        paths = (Path(folder, name) for name in names if PurePath(name).suffix in suffixes)
        found += [p.relative_to(project).as_posix() for p in paths if is_small_file(p)]
    return sorted(set(found) - set(ignored_paths(project, found)))


def python_files(project: Path) -> list[str]:
    """Return the paths of the Python files among `sources`."""
    return [path for path in sources(project) if path.endswith(".py")]


def is_small_file(path: Path) -> bool:
    """Return whether a path is a regular file, no link, of at most `MAX_BYTES`."""
    status = path.lstat()
    return stat.S_ISREG(status.st_mode) and status.st_size <= MAX_BYTES
