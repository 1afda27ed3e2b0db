"""An editor that saves a file while a command runs, at any of its steps."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

STEPS = ("replace", "link", "unlink", "mkdir", "fsync")
"""The functions of `os` before whose calls a save can happen."""


def save_in_place(path: Path, content: bytes) -> Callable[[], None]:
    """Truncate the file and write it, as most editors do."""

    def save() -> None:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)

    return save


def save_by_rename(path: Path, content: bytes) -> Callable[[], None]:
    """Write a new file and rename it, as vim and most IDEs do."""
    rename = os.rename

    def save() -> None:
        path.parent.mkdir(exist_ok=True)
        path.with_name("saved~").write_bytes(content)
        rename(path.with_name("saved~"), path)

    return save


def save_to_descriptor(path: Path, content: bytes) -> Callable[[], None]:
    """Write to a file that was opened before the command."""
    descriptor = os.open(path, os.O_RDWR)

    def save() -> None:
        os.truncate(descriptor, 0)
        os.pwrite(descriptor, content, 0)

    return save


SAVERS = (save_in_place, save_by_rename, save_to_descriptor)


def before_step(
    monkeypatch: pytest.MonkeyPatch, number: int, action: Callable[[], None]
) -> Callable[[], int]:
    """Let an action happen before a step of a number, from 1; return the count of steps so far."""
    count, done = 0, list[bool]()

    def watched(function: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object, **options: object) -> object:
            nonlocal count
            count += not str(arguments[0]).endswith("/lock")  # released after the command
            if count >= number and not done:
                done.append(True)
                action()
            return function(*arguments, **options)

        return call

    for name in STEPS:
        monkeypatch.setattr(os, name, watched(getattr(os, name)))
    return lambda: count
