"""A process that must not write to a folder.

    python -m lightning_transformers.base.traces.guard FOLDER (SCRIPT | -m MODULE) ARGUMENT...

A run that is repeated in a copy of a project would otherwise write to the project through a link,
or by an absolute path. Writes of Python code in this process, and in those it forks, are refused;
those of C++ extensions and of programs that it starts are not seen.
"""

import errno
import os
import runpy
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
FOLLOWED = {"os.chmod", "os.truncate", "os.utime"}
"""Audit events that change the target of a link."""
NOT_FOLLOWED: Mapping[str, tuple[int, ...]] = {
    **dict.fromkeys(("os.mkdir", "os.remove", "os.rmdir", "shutil.rmtree"), (0,)),
    **dict.fromkeys(("os.link", "os.symlink"), (1,)),
    "os.rename": (0, 1),
}
"""Audit events that change a folder, and the places of their arguments that name the entry."""


def forbid_writes(folder: Path) -> None:
    """Let this process, and those it forks, raise PermissionError before they write to a folder.

    Args:
        folder: the folder; a link to it, or into it, counts too.
    """
    root = os.path.realpath(folder)

    def refuse(path: str) -> None:
        if path == root or path.startswith(f"{root}{os.sep}"):
            raise PermissionError(errno.EACCES, "a repetition must not write to the project", path)

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        follows = event in FOLLOWED or (event == "open" and arguments[2] & WRITES)
        if follows and not isinstance(arguments[0], int):
            refuse(os.path.realpath(os.fsdecode(arguments[0])))
        for place in NOT_FOLLOWED.get(event, ()):
            parent, name = os.path.split(os.fsdecode(arguments[place]))
            refuse(os.path.join(os.path.realpath(parent), name))

    sys.addaudithook(watch)


def main() -> None:
    """Run a script or a module that must not write to a folder."""
    folder, *command = sys.argv[1:]
    forbid_writes(Path(folder))
    if command[0] == "-m":
        sys.argv = command[1:]
        runpy.run_module(command[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = command
        sys.path[0] = str(Path(command[0]).parent)
        runpy.run_path(command[0], run_name="__main__")


if __name__ == "__main__":
    main()
