"""Temporary files that a command deletes; a save in one of them is kept in a copy."""

import itertools
import os
from collections import deque
from pathlib import Path
from typing import BinaryIO

from ltscaffold.writing.state import write

OPEN_FILES = 200
"""Number of files that are held open at once."""
COPY_SUFFIX = ".ltscaffold-saved"
"""Added to the name of a file, for the copy with a save that lost its name."""


class Discarded:
    """Deleted files, held open, since an editor may have them open, too."""

    def __init__(self) -> None:
        self._copies: list[Path] = []
        self._opened = deque[tuple[BinaryIO, Path, bytes | None]]()

    def discard(self, path: Path, target: Path, expected: bytes | None) -> None:
        """Delete a file; one that holds a save, and has no other name, becomes a copy.

        Args:
            path: the file; it need not exist.
            target: the file of the project that the copy lies beside.
            expected: the content without a save.
        """
        if not path.exists():
            return
        stream = path.open("rb")
        if _is_save(stream, expected, 1):
            stream.close()
            self._copies.append(_free_name(target))
            os.replace(path, self._copies[-1])
            return
        path.unlink()
        self._opened.append((stream, target, expected))
        if len(self._opened) > OPEN_FILES:
            self._close()

    def close(self) -> list[Path]:
        """Compare the files again, and return the copies."""
        while self._opened:
            self._close()
        return self._copies

    def _close(self) -> None:
        stream, target, expected = self._opened.popleft()
        with stream:
            if _is_save(stream, expected, 0):
                stream.seek(0)
                target.parent.mkdir(parents=True, exist_ok=True)
                self._copies.append(_free_name(target))
                write(self._copies[-1], stream.read())


def _is_save(stream: BinaryIO, expected: bytes | None, names: int) -> bool:
    """Return whether a file has other content than expected, and at most some names."""
    stream.seek(0)
    return os.fstat(stream.fileno()).st_nlink <= names and stream.read() != expected


def _free_name(target: Path) -> Path:
    names = (f"{target.name}{COPY_SUFFIX}{number or ''}" for number in itertools.count())
    return next(path for path in map(target.with_name, names) if not path.exists())
