"""Writing a file so that it is there as a whole, or as it was before."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def write_atomically(file: Path) -> Iterator[Path]:
    """Give a path beside a file to write to; without an error it then replaces the file."""
    beside = file.with_name(f".{file.name}.part")
    try:
        yield beside
        os.replace(beside, file)
    finally:
        beside.unlink(missing_ok=True)
