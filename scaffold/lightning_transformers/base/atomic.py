"""Atomic file writes."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def write_atomically(file: Path) -> Iterator[Path]:
    """Yield a temporary path to write to, which replaces `file` unless the block raises.

    Args:
        file: the file; a crash leaves it complete, in its old or its new version.
    """
    beside = file.with_name(f".{file.name}.part")
    try:
        yield beside
        os.replace(beside, file)
    finally:
        beside.unlink(missing_ok=True)
