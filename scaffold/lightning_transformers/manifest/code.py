"""The code that a run is made of."""

import os
import sys
import sysconfig
from pathlib import Path
from typing import Any

import lightning_transformers
from lightning_transformers.manifest.digests import digest_of, digest_of_all

RUNTIME = Path(lightning_transformers.__file__).parent
NAME = RUNTIME.name
FOREIGN = (str(RUNTIME), *(sysconfig.get_path(name) for name in ("stdlib", "platstdlib")))
"""Folders of code that is not the user's."""
INSTALLED = ("site-packages", "dist-packages")
"""Names of folders whose code changes with its version alone."""


def code(directory: Path) -> dict[str, str | None]:
    """Return a digest of each module of the user that is imported, and of this package.

    Args:
        directory: what is below it is called by its path from there.
    """
    files = {file for module in list(sys.modules.values()) if (file := _own_file(module))}
    paths = sorted(Path(os.path.realpath(file)) for file in files)
    names = {
        str(path.relative_to(directory) if path.is_relative_to(directory) else path): path
        for path in paths
    }
    return {NAME: _runtime()} | {name: digest_of(path) for name, path in names.items()}


def code_now(recorded: dict[str, str | None], directory: Path) -> dict[str, str | None]:
    """Return the digests of the files of a record as they are now; nothing is imported."""
    own = {name: digest_of(directory / name) for name in recorded if name != NAME}
    return {NAME: _runtime()} | own


def _runtime() -> str:
    return digest_of_all(RUNTIME, sorted(RUNTIME.rglob("*.py")))


def _own_file(module: Any) -> str | None:
    file = getattr(module, "__file__", None) or ""
    is_foreign = file.startswith(FOREIGN) or any(f"/{name}/" in file for name in INSTALLED)
    is_script = getattr(module, "__name__", "") == "__main__"
    return file if not is_foreign and not is_script and os.path.isfile(file) else None
