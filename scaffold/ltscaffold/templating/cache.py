"""Folders in the user's cache: created atomically, and checked against a digest before use."""

import errno
import hashlib
import os
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from platformdirs import user_cache_path

from ltscaffold.errors import ScaffoldError
from ltscaffold.writing.lock import file_lock
from ltscaffold.writing.plan import user_folder

CONTENT, DIGEST = "content", "digest"
DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO)
_checked: set[Path] = set()
"""The folders that this process has checked."""


def cached(name: str, make: Callable[[Path], object]) -> Path:
    """Return the cached folder `name`; where it is missing or damaged, it is made.

    A damaged one is reported on stderr.

    Args:
        name: its name in the cache.
        make: fills the empty folder that it is called with.

    Raises:
        ScaffoldError: if `make` raises it, or the disk is full.
    """
    found = intact(name)
    if found is None and is_damaged(name):
        sys.stderr.write(f"note: {cache_root() / name} was damaged; it is made again\n")
    return found or renew(name, make, keep=intact)


def renew(
    name: str, make: Callable[[Path], object], keep: Callable[[str], Path | None] = lambda _: None
) -> Path:
    """Make a cached folder, in place of the one that exists.

    Args:
        name: its name in the cache.
        make: fills the empty folder that it is called with.
        keep: returns the existing folder if that is as good, since another process was faster.

    Returns:
        The folder that `make` has filled, or the result of `keep`.

    Raises:
        ScaffoldError: if `make` raises it, or the disk is full.
    """
    place = cache_root() / name
    try:
        with TemporaryDirectory(
            prefix=name, dir=cache_root(), ignore_cleanup_errors=True
        ) as folder:
            made = Path(folder) / "new"
            (made / CONTENT).mkdir(parents=True)
            make(made / CONTENT)
            (made / DIGEST).write_text(_digest(made / CONTENT))
            with file_lock(cache_root() / "lock"):
                if found := keep(name):
                    return found
                if place.exists():
                    place.rename(Path(folder) / "old")
                made.rename(place)
    except (OSError, ScaffoldError) as error:
        reason = next((each for each in map(os.strerror, DISK_ERRORS) if each in str(error)), "")
        if not reason:
            raise
        raise ScaffoldError(
            f"cannot write the templates to {cache_root()} ({reason}); free space there, or "
            "set XDG_CACHE_HOME to another folder"
        ) from None
    _checked.add(place)
    return place / CONTENT


def intact(name: str) -> Path | None:
    """Return a cached folder if it exists with the content that it was made with, else None."""
    place = cache_root() / name
    if not (place / DIGEST).is_file():
        return None
    if place not in _checked and (place / DIGEST).read_text() != _digest(place / CONTENT):
        return None
    _checked.add(place)
    return place / CONTENT


def is_damaged(name: str) -> bool:
    """Return whether a cached folder exists, but not with the content that it was made with."""
    return (cache_root() / name / DIGEST).exists() and intact(name) is None


@cache
def cache_root() -> Path:
    """Return the folder of the cache, created if it does not exist."""
    return user_folder("cache", user_cache_path("ltscaffold"))


def _digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        content = path.read_bytes() if path.is_file() else b""
        for part in (bytes(path.relative_to(folder)), content):
            digest.update(b"%d:%b" % (len(part), part))
    return digest.hexdigest()
