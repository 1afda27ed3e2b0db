"""Files that ship in a package, under names that hold on every machine."""

from importlib.resources import files
from pathlib import Path

PREFIX = "pkg://"


def local_path(name: str) -> str:
    """Return the folder or file behind `pkg://package/path`; any other name as it is.

    The prefix is Hydra's for configs in packages. A checkpoint that holds such a name loads
    wherever the package is installed.
    """
    if not name.startswith(PREFIX):
        return name
    package, _, path = name.removeprefix(PREFIX).partition("/")
    return str(Path(str(files(package))) / path)
