"""A file that is saved while a command runs keeps the save, or the command names it."""

import itertools
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from ltscaffold.errors import EditLossError
from ltscaffold.writing.plan import Plan, compute_changes, read
from ltscaffold.writing.transaction import apply, finish_interrupted, is_interrupted
from tests.helpers.projects import undo
from tests.helpers.savers import SAVERS, STEPS, before_step, save_by_rename, save_in_place
from tests.helpers.tree import tree

SAVE = b"saved by the user, longer than what was there\n"
FILES = {"changed": b"old", "folder/gone": b"old"}
PLANNED = {"changed": b"new", "folder/gone": None, "there/new": b"new"}
EVERY = bool(os.environ.get("LTSCAFFOLD_EVERY_KILL"))
"""Whether to kill at each step, and not at every fourth."""
Saver = Callable[[Path, bytes], Callable[[], None]]


def make_plan(project: Path) -> Plan:
    """Return a plan that changes, deletes and creates a file."""
    return Plan("test", compute_changes(project, PLANNED))


def write_files(project: Path) -> None:
    for path, content in FILES.items():
        (project / path).parent.mkdir(exist_ok=True)
        (project / path).write_bytes(content)


def execute(project: Path, plan: Plan) -> None:
    apply(project, lambda: plan)


def check_kept(project: Path, path: str, error: EditLossError | None) -> None:
    """Assert that a save is in the tree, and that all else is as before or as after."""
    files = tree(project)
    copy = f"{path}.ltscaffold-saved"
    if files.get(path) != SAVE:
        assert files.pop(copy, None) == SAVE, (files, error)
        assert error is not None
    if error is not None:
        assert error.exit_status == 3
        assert path in str(error)
    finish_interrupted(project)
    files = tree(project)
    others = {name: content for name, content in files.items() if name not in (path, copy)}
    after = {name: content for name, content in PLANNED.items() if content is not None}
    states = [{n: c for n, c in state.items() if n != path} for state in (FILES, after)]
    assert others in states
    assert not is_interrupted(project)


@pytest.mark.parametrize("saver", SAVERS, ids=lambda saver: saver.__name__)
@pytest.mark.parametrize("path", ["changed", "folder/gone", "there/new"])
@pytest.mark.parametrize("undone", [False, True], ids=["command", "undo"])
def test_a_save_before_any_step_is_kept(
    undone: bool, path: str, saver: Saver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    number, refused = 0, 0
    while True:
        number += 1
        project = tmp_path / str(number)
        project.mkdir()
        write_files(project)
        if undone:
            execute(project, make_plan(project))
        if not (project / path).exists() and saver.__name__ == "save_to_descriptor":
            return  # no file to open
        save, error, plan = saver(project / path, SAVE), None, make_plan(project)
        with monkeypatch.context() as patch:
            count = before_step(patch, number, save)
            try:
                undo(project) if undone else execute(project, plan)
            except EditLossError as caught:
                error, refused = caught, refused + 1
            if count() < number:
                break
        check_kept(project, path, error)
    assert refused > 1


class Killed(BaseException):
    """Stands for SIGKILL: from a step on, no step is carried out any more."""


def killed_from(monkeypatch: pytest.MonkeyPatch, number: int) -> Callable[[], int]:
    """Let each step of a command from a number on raise; return the count of steps so far."""
    count = 0

    def watched(function: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object, **options: object) -> object:
            nonlocal count
            count += not str(arguments[0]).endswith("/lock")
            if count >= number:
                raise Killed
            return function(*arguments, **options)

        return call

    for name in STEPS:
        monkeypatch.setattr(os, name, watched(getattr(os, name)))
    return lambda: count


@pytest.mark.parametrize("saver", SAVERS, ids=lambda saver: saver.__name__)
@pytest.mark.parametrize("path", ["changed", "folder/gone", "there/new"])
def test_a_save_before_any_step_of_the_recovery_is_kept(
    path: str, saver: Saver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for kill in range(1, 100, 1 if EVERY else 4):
        for number in range(1, 100):
            project = tmp_path / f"{kill}-{number}"
            project.mkdir()
            write_files(project)
            with monkeypatch.context() as patch, suppress(Killed):
                count = killed_from(patch, kill)
                execute(project, make_plan(project))
            if count() < kill:
                return
            if not (project / path).exists() and saver.__name__ == "save_to_descriptor":
                break  # no file to open
            save, error = saver(project / path, SAVE), None
            with monkeypatch.context() as patch:
                count = before_step(patch, number, save)
                try:
                    finish_interrupted(project)
                except EditLossError as caught:
                    error = caught
                if count() < number:
                    break
            check_kept(project, path, error)


@pytest.mark.parametrize("saver", SAVERS, ids=lambda saver: saver.__name__)
def test_a_save_while_the_plan_is_made_is_kept(saver: Saver, project: Path) -> None:
    """The comparison uses the contents that the plan has read, not those at its end."""
    write_files(project)
    save = saver(project / "changed", SAVE)

    def slow_plan() -> Plan:
        content = read(project, "changed") or b""
        save()
        return Plan("test", compute_changes(project, {"changed": content + b"er"}))

    with pytest.raises(
        EditLossError, match="changed was saved while the command ran, run it again; nothing"
    ):
        apply(project, slow_plan)
    assert (project / "changed").read_bytes() == SAVE


@pytest.mark.parametrize("turn", range(12))
@pytest.mark.parametrize("saver", [save_in_place, save_by_rename])
def test_every_save_during_a_command_is_kept(saver: Saver, turn: int, project: Path) -> None:
    """A thread saves files, one every two milliseconds, while a command changes 160 files."""
    paths = [project / f"file{number}" for number in range(160)]
    for path in paths:
        path.write_bytes(b"old")
    plan = Plan("test", compute_changes(project, {path.name: b"new" for path in paths}))
    saves: dict[Path, bytes] = {}
    stop = threading.Event()

    def save_files() -> None:
        for number in itertools.count(turn):
            path, content = paths[number * 37 % len(paths)], b"save %d" % number
            saver(path, content)()
            saves[path] = content
            if stop.wait(0.002):
                return

    thread = threading.Thread(target=save_files)
    thread.start()
    try:
        execute(project, plan)
    except EditLossError:
        pass
    finally:
        stop.set()
        thread.join()
    for path, content in saves.items():
        copy = path.with_name(f"{path.name}.ltscaffold-saved")
        assert content in (path.read_bytes(), copy.exists() and copy.read_bytes())
    assert not list(project.glob(".*.ltscaffold-*"))
