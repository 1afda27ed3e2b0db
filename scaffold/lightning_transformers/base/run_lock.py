"""The lock of a run folder, held by the process that writes the run."""

import errno
import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lightning_transformers.base.errors import ConfigurationError

LOCK = ".lock"
"""Name of the lock file, which names its owner; the system unlocks it when a process is killed."""
TAKEN = {errno.EACCES, errno.EAGAIN}


@contextmanager
def run_lock(folder: Path, key: str = "hydra.run.dir") -> Iterator[None]:
    """Hold the lock of a run folder, which is created.

    A record lock: unlike that of `flock`, child processes do not inherit it, so dataloader workers
    that outlive a killed run do not hold it. A file system without locks has none.

    Args:
        folder: the run folder, or another one that a command writes.
        key: the config key that names it, for the message.

    Raises:
        ConfigurationError: if another process holds the lock.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("a+", encoding="utf-8") as file:
        if not _lock(file.fileno()):
            raise in_use(folder, key)
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}")
        file.flush()
        try:
            yield
        finally:
            (folder / LOCK).unlink(missing_ok=True)


def in_use(folder: Path, key: str = "hydra.run.dir") -> ConfigurationError:
    """Return the error for a folder whose lock another process holds; `key` as in `run_lock`."""
    owner = (folder / LOCK).read_text(encoding="utf-8") or "another run"
    return ConfigurationError(f"{folder} is in use by {owner}: wait for it, or give another {key}")


def is_locked(folder: Path) -> bool:
    """Return whether another process holds the lock of a run folder.

    Not for the folder of this process's own run: the system would release its lock.
    """
    try:
        with (folder / LOCK).open("r+", encoding="utf-8") as file:
            return not _lock(file.fileno())
    except OSError:
        return False


def _lock(descriptor: int) -> bool:
    """Lock an open file until it is closed; return False if another process has locked it."""
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in TAKEN
    return True
