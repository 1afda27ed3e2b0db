"""The code that a run is made of."""

import sys
from pathlib import Path

from lightning_transformers.data.source_code import RUNTIME, first_party_file
from lightning_transformers.runs.manifest.digests import digest_of, digest_of_all

FOLDER = Path(__file__).parents[2]
"""Of this package, which counts as one."""


def code(directory: Path) -> dict[str, str | None]:
    """Return a digest of each module of the user that is imported, and of this package.

    Args:
        directory: what is below it is called by its path from there.
    """
    modules = {name for name in sys.modules if name.partition(".")[0] not in ("__main__", RUNTIME)}
    files = sorted({file.resolve() for name in modules if (file := first_party_file(name))})
    names = (str(f.relative_to(directory) if f.is_relative_to(directory) else f) for f in files)
    return {RUNTIME: _runtime()} | dict(zip(names, map(digest_of, files), strict=True))


def code_now(recorded: dict[str, str | None], directory: Path) -> dict[str, str | None]:
    """Return the digests of the files of a record as they are now; nothing is imported."""
    own = {name: digest_of(directory / name) for name in recorded if name != RUNTIME}
    return {RUNTIME: _runtime()} | own


def _runtime() -> str:
    return digest_of_all(FOLDER, sorted(FOLDER.rglob("*.py")))
