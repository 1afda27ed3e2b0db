"""A lock between processes."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def file_lock(path: Path) -> Iterator[None]:
    """Wait for the exclusive lock on a file, and hold it; the file is created, and stays.

    The filelock package locks in the same way, and imports asyncio: an eighth of a command's time.

    Raises:
        OSError: if the file cannot be written or locked.
    """
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
