"""Digests of files and rows: equal for equal content, on any machine."""

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

from datasets import Dataset

ROWS = 1000
"""Rows that are read at a time."""


def digest_of(path: Path) -> str | None:
    """Return the SHA-256 of a file, or of a folder's names and contents; None if it is gone.

    For a file it is the number that `sha256sum` prints.
    """
    if path.is_dir():
        return digest_of_all(path, sorted(file for file in path.rglob("*") if file.is_file()))
    if not path.is_file():
        return None
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def digest_of_all(folder: Path, files: Iterable[Path]) -> str:
    """Return a SHA-256 of the contents of files and of their names below a folder."""
    digest = hashlib.sha256()
    for file in files:
        name = file.relative_to(folder) if file.is_relative_to(folder) else file
        digest.update(os.fsencode(f"{name.as_posix()} {digest_of(file)}\n"))
    return digest.hexdigest()


def digest_of_rows(rows: Dataset) -> str:
    """Return a SHA-256 of rows in their order; what images and the like only refer to is not read.

    The rows are taken as Arrow has them, in blocks of a fixed size, so that it does not matter how
    they lie in the files of the cache.
    """
    digest = hashlib.sha256(repr(rows.features).encode())
    for table in rows.with_format("arrow").iter(ROWS):
        for batch in table.combine_chunks().to_batches():
            digest.update(batch.serialize())
    return digest.hexdigest()
