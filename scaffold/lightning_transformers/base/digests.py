"""Digests of files by their content, and of values."""

import hashlib
import json
import os
from functools import cache
from pathlib import Path


def digest_of_file(path: str | Path) -> str:
    """Return the SHA-256 of a file, as `sha256sum` prints it."""
    return _digest(os.fspath(path), state_of(path))


def state_of(path: str | Path) -> tuple[int, ...]:
    """Return values that change with each change of a file's content."""
    found = os.stat(path)
    # A file that is replaced has another inode or change time, whatever its modification time is.
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


@cache
def _digest(path: str, state: tuple[int, ...]) -> str:
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def digest_of(description: object) -> str:
    """Return 32 hexadecimal digits for a value of JSON's types."""
    text = json.dumps(description, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
