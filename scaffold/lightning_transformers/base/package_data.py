"""Portable names of files that ship in a package."""

from importlib.resources import files
from pathlib import Path

PREFIX = "pkg://"


def local_path(name: str) -> str:
    """Return the local path of `pkg://package/path`, and any other name unchanged.

    Hydra uses the same prefix. A checkpoint that records such a name loads on any machine with
    the package.
    """
    if not name.startswith(PREFIX):
        return name
    package, _, path = name.removeprefix(PREFIX).partition("/")
    return str(Path(str(files(package))) / path)
