"""Atomic writes of files and folders."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
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


def replace_folder(new: Path, path: Path) -> None:
    """Give a folder the path of another folder or file, which is removed.

    Args:
        new: the folder.
        path: its new path; a kill leaves there the former one, the new one, or for a moment
            neither, after which `restore_former` brings back the former one.
    """
    former = path.with_name(f".{path.name}.former")
    restore_former(path.parent)
    if former.is_dir():  # a kill has cut its removal
        shutil.rmtree(former)
    with suppress(FileNotFoundError):
        os.replace(path, former)
    os.replace(new, path)
    if former.is_dir():
        shutil.rmtree(former)
    former.unlink(missing_ok=True)


def restore_former(folder: Path) -> None:
    """Bring back what a killed `replace_folder` has left without a path; several processes may."""
    for former in folder.glob(".*.former"):
        path = folder / former.name.removeprefix(".").removesuffix(".former")
        if not path.exists():
            with suppress(FileNotFoundError):  # another process was first
                os.replace(former, path)
