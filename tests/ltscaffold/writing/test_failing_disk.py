"""Each write of a command fails from the n-th on: the error is true, the next command restores."""

import errno
import os
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from ltscaffold.errors import ScaffoldError
from ltscaffold.writing.transaction import finish_interrupted, is_interrupted, state_folder
from tests.helpers.projects import add, new_dataset, new_project, new_task, remove, rename, undo
from tests.helpers.tree import tree

WRITES = ("replace", "link", "unlink", "mkdir", "rmdir", "fsync")
REASONS = ("EROFS", "EXDEV", "ENOSPC", "EBUSY", "EIO")
EVERY = bool(os.environ.get("LTSCAFFOLD_EVERY_KILL"))
"""Whether to fail from each write on, and not from a sample of them."""
COMMANDS: dict[str, Callable[[Path], object]] = {
    "new": partial(new_task, name="third", base="language_modeling"),
    "add": lambda project: add(project, "first", ["setup"]),
    "remove": lambda project: remove(project, "second"),
    "rename": lambda project: rename(project, "first", "other"),
    "undo": undo,
}


def fail_from(patch: pytest.MonkeyPatch, number: int, reason: int) -> list[str]:
    """Let all writes from a number on fail; return the list of those that are called."""
    calls = list[str]()

    def failing(name: str, function: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object, **options: object) -> object:
            place = str(arguments[0])
            if place.endswith("/lock") or "/ltscaffold-merge" in place or "dir_fd" in options:
                return function(*arguments, **options)
            calls.append(name)
            if len(calls) >= number:
                raise OSError(reason, os.strerror(reason), place)
            return function(*arguments, **options)

        return call

    for name in WRITES:
        patch.setattr(os, name, failing(name, getattr(os, name)))
    return calls


@pytest.mark.parametrize("reason", REASONS)
@pytest.mark.parametrize("name", COMMANDS)
def test_a_disk_that_fails_from_a_write_on(
    name: str, reason: str, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command, code = COMMANDS[name], getattr(errno, reason)
    new_project(project)
    new_task(project, "first", "language_modeling", ["training_step"])
    new_task(project, "second", "text_classification")
    if name == "undo":
        new_dataset(project, "rows", "translation")
    original, state = project, tmp_path / "state"
    shutil.copytree(state_folder(original), state)

    def copy_to(folder: Path) -> Path:
        shutil.copytree(original, folder)
        shutil.copytree(state, state_folder(folder))
        return folder

    before = tree(original)
    reference = copy_to(tmp_path / "after")
    with monkeypatch.context() as patch:
        calls = fail_from(patch, 10_000, code)
        command(reference)
    after = tree(reference)
    for number in range(1, len(calls) + 1, 1 if EVERY else len(calls) // 6):
        copy = copy_to(tmp_path / str(number))
        message = ""
        with monkeypatch.context() as patch:
            fail_from(patch, number, code)
            try:
                command(copy)
            except ScaffoldError as error:
                message = str(error)
        now = tree(copy)
        if "nothing was changed" in message:
            assert now == before, number
        elif not message:
            assert {path: now.get(path) for path in after} == after, number
        else:
            assert "the next command tries again" in message, message
            assert "\n" not in message
        finish_interrupted(copy)
        assert tree(copy) == (before if message else after), (number, message)
        assert not is_interrupted(copy)
