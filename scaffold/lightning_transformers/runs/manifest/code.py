"""Digests of the code that a run has imported."""

import os
import sys
from pathlib import Path

from lightning_transformers.base.run_folder import JOB_LOG
from lightning_transformers.data.source_code import RUNTIME, first_party_file
from lightning_transformers.runs.manifest.digests import digest_of, digest_of_all

FOLDER = Path(__file__).parents[2]
"""Folder of this package, which has one digest."""


def code(directory: Path) -> dict[str, str | None]:
    """Return the digest of each imported module of the user by its file, and one of this package.

    Args:
        directory: files below it are named by their path from there, and those of the copy that a
            job has by their path in the copy; the package is named `lightning_transformers`.
    """
    modules = {name for name in sys.modules if name.partition(".")[0] not in ("__main__", RUNTIME)}
    files = sorted({file.resolve() for name in modules if (file := first_party_file(name))})
    roots = (*copy_of_project(), directory)
    names = (
        next((str(f.relative_to(root)) for root in roots if f.is_relative_to(root)), str(f))
        for f in files
    )
    return {RUNTIME: _runtime()} | dict(zip(names, map(digest_of, files), strict=True))


def copy_of_project() -> list[Path]:
    """Return the folder of the script that runs, if it is the copy of a project in a job."""
    script = getattr(sys.modules["__main__"], "__file__", None)
    return [Path(script).resolve().parent] if script and JOB_LOG in os.environ else []


def code_now(recorded: dict[str, str | None], directory: Path) -> dict[str, str | None]:
    """Return the present digests of recorded files; nothing is imported.

    Args:
        recorded: the digests by file, as `code` returns them.
        directory: the folder that relative names start from.

    Returns:
        The digests by the same names, None for a file that is gone.
    """
    own = {name: digest_of(directory / name) for name in recorded if name != RUNTIME}
    return {RUNTIME: _runtime()} | own


def _runtime() -> str:
    return digest_of_all(FOLDER, sorted(FOLDER.rglob("*.py")))
