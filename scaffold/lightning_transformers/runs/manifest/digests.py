"""SHA-256 digests of files and rows: equal for equal content, on any machine."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from lightning_transformers.base.digests import digest_of_file

if TYPE_CHECKING:
    from datasets import Dataset

ROWS = 1000
"""Rows read at a time."""


def digest_of(path: Path) -> str | None:
    """Return the SHA-256 of a file, as `sha256sum` prints it, or None if it is gone.

    That of a folder is the digest of its file names and contents.
    """
    if path.is_dir():
        return digest_of_all(path, sorted(file for file in path.rglob("*") if file.is_file()))
    if not path.is_file():
        return None
    return digest_of_file(path)


def digest_of_all(folder: Path, files: Iterable[Path]) -> str:
    """Return one SHA-256 of the contents of files and of their names.

    Args:
        folder: the folder from which the names start; a file outside it has its absolute name.
        files: the files, in a fixed order.
    """
    digest = hashlib.sha256()
    for file in files:
        name = file.relative_to(folder) if file.is_relative_to(folder) else file
        digest.update(os.fsencode(f"{name.as_posix()} {digest_of(file)}\n"))
    return digest.hexdigest()


def digest_of_rows(rows: Dataset) -> str:
    """Return the SHA-256 of rows in their order; files that rows refer to are not read.

    Arrow tables of a fixed size are hashed, so the layout of the cache files does not matter.
    """
    digest = hashlib.sha256(repr(rows.features).encode())
    for table in rows.with_format("arrow").iter(ROWS):
        for batch in table.combine_chunks().to_batches():
            digest.update(batch.serialize())
    return digest.hexdigest()
