"""A project that was moved keeps its history and is recovered; a copy is a project of its own."""

import getpass
import itertools
import json
import os
import shutil
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from ltscaffold.errors import ScaffoldError
from ltscaffold.record.answers import ANSWERS_FILE
from ltscaffold.writing.plan import Plan
from ltscaffold.writing.state import find_state, journal_in, state_folder, write_all
from ltscaffold.writing.transaction import (
    MARKER,
    finish_interrupted,
    is_interrupted,
    preview,
    project_lock,
)
from tests.helpers.faults import run_and_die
from tests.helpers.projects import add, new_project, new_task, undo
from tests.helpers.tree import tree


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the states of other tests out of the search."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def mine(project: Path) -> Path:
    """Return a project with one task, in its own folder."""
    new_task(project, "mine", "language_modeling")
    return project


def rename_folder(project: Path, target: Path) -> None:
    project.rename(target)


def move_across_file_systems(project: Path, target: Path) -> None:
    """Copy and delete, as mv does: it keeps hard links."""
    subprocess.run(["cp", "-a", project, target], check=True)
    shutil.rmtree(project)


Move = Callable[[Path, Path], None]
MOVES = pytest.mark.parametrize("move", [rename_folder, move_across_file_systems])


def has_no_history(project: Path) -> None:
    before = tree(project)
    with pytest.raises(ScaffoldError, match="nothing to undo"):
        undo(project)
    assert tree(project) == before


@MOVES
def test_a_project_that_was_moved_keeps_its_history(move: Move, mine: Path, tmp_path: Path) -> None:
    before = tree(mine)
    add(mine, "mine", ["setup"])
    for number in range(3):
        target = tmp_path / "elsewhere" / str(number)
        target.parent.mkdir(exist_ok=True)
        move(mine, target)
        mine = target
    undo(mine)
    assert tree(mine) == before
    undo(mine)
    assert tree(mine) == {}


def test_a_project_that_was_edited_and_renamed_keeps_its_history(mine: Path) -> None:
    """Such as by `git pull`, which also changes the answers file."""
    add(mine, "mine", ["setup"])
    for name in (".copier-answers.yml", "tasks/mine/model.py"):
        (mine / name).write_text(f"# mine\n{(mine / name).read_text()}")
    moved = mine.rename(mine.with_name("moved"))
    undo(moved)
    assert "setup" not in (moved / "tasks/mine/model.py").read_text()


@MOVES
@pytest.mark.parametrize(("point", "is_done"), [(6, False), (9, False), (11, True)])
def test_a_project_that_was_moved_after_a_kill_is_recovered(
    point: int, is_done: bool, move: Move, mine: Path
) -> None:
    before = tree(mine)
    run_and_die(["add", "mine", "--hook", "setup"], mine, point)
    assert tree(mine) != before
    moved = mine.with_name("moved")
    move(mine, moved)
    with pytest.raises(ScaffoldError, match="interrupted"):
        preview(moved, lambda: Plan("test"))
    finish_interrupted(moved)
    assert not is_interrupted(moved)
    assert tree(moved).keys() == before.keys()
    if is_done:
        undo(moved)
    assert tree(moved) == before


def test_a_copy_does_not_undo_the_work_of_the_original(mine: Path) -> None:
    copy = mine.with_name("copy")
    shutil.copytree(mine, copy)
    has_no_history(copy)
    add(copy, "mine", ["setup"])
    undo(copy)
    has_no_history(copy)
    undo(mine)
    assert tree(mine) == {}


def test_a_copy_of_a_half_changed_project_leaves_the_recovery_to_it(mine: Path) -> None:
    """Killed while the answers file has its temporary name."""
    before = tree(mine)
    point = itertools.count(5)
    while (mine / ANSWERS_FILE).exists():
        finish_interrupted(mine)
        run_and_die(["add", "mine", "--hook", "setup"], mine, next(point))
    copy = mine.with_name("copy")
    shutil.copytree(mine, copy)
    with pytest.raises(ScaffoldError, match="in the folder where it ran"):
        finish_interrupted(copy)
    assert is_interrupted(mine)
    finish_interrupted(mine)
    assert tree(mine) == before


def test_the_next_project_at_a_path_has_a_history_of_its_own(mine: Path) -> None:
    before = tree(mine)
    add(mine, "mine", ["setup"])
    moved = mine.rename(mine.with_name("moved"))
    new_project(mine)
    undo(mine)
    has_no_history(mine)
    undo(moved)
    assert tree(moved) == before
    shutil.rmtree(mine)
    moved.rename(mine)
    undo(mine)
    assert tree(mine) == {}


def test_projects_that_change_places_keep_their_histories(mine: Path) -> None:
    before = tree(mine)
    other = mine.with_name("other")
    new_project(other)
    add(mine, "mine", ["setup"])
    between = mine.rename(mine.with_name("between"))
    other.rename(mine)
    between.rename(other)
    undo(mine)
    assert tree(mine) == {}
    undo(other)
    assert tree(other) == before


def test_of_two_former_projects_that_fit_none_is_taken(mine: Path) -> None:
    twin = mine.with_name("twin")
    twin.mkdir()
    new_task(twin, "mine", "language_modeling")
    assert tree(twin) == tree(mine)
    clone = mine.with_name("clone")
    shutil.copytree(mine, clone)
    shutil.rmtree(mine)
    shutil.rmtree(twin)
    has_no_history(clone)


@pytest.mark.parametrize(
    ("key", "found"), [(None, True), ("device", False)], ids=["mounted", "not mounted"]
)
def test_a_project_whose_file_system_is_gone_may_come_back(
    key: str | None, found: bool, mine: Path
) -> None:
    file = state_folder(mine) / "project.json"
    path, inode, device = json.loads(file.read_text())
    file.write_text(json.dumps([path, inode, device + (key is not None)]))
    clone = mine.with_name("clone")
    shutil.copytree(mine, clone)
    shutil.rmtree(mine)
    undo(clone) if found else has_no_history(clone)


def test_another_project_with_the_inode_of_a_deleted_one_is_not_taken_for_it(mine: Path) -> None:
    """A file system gives a new folder the inode of a deleted one."""
    other = mine.with_name("other")
    other.mkdir()
    (other / ANSWERS_FILE).write_text("lts_components: []\n")
    file = state_folder(mine) / "project.json"
    path, _, device = json.loads(file.read_text())
    file.write_text(json.dumps([path, other.stat().st_ino, device]))
    shutil.copy(mine / "train.py", other)
    shutil.rmtree(mine)
    assert find_state(other) is not None
    (other / "train.py").unlink()
    has_no_history(other)


def test_two_users_of_a_checkout_wait_for_each_other(
    mine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each has a state folder; the lock is on the folder of the project."""
    thread = threading.Thread(target=add, args=(mine, "mine", ["setup"]))
    with project_lock(mine):
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "of another user"))
        thread.start()
        thread.join(0.5)
        assert thread.is_alive()
        assert "setup" not in (mine / "tasks/mine/model.py").read_text()
    thread.join()
    assert "def setup" in (mine / "tasks/mine/model.py").read_text()


def test_another_user_is_told_of_a_killed_command(
    mine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, own = tree(mine), os.environ["XDG_STATE_HOME"]
    run_and_die(["add", "mine", "--hook", "setup"], mine, 10)
    half_done = tree(mine)
    assert half_done != before
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "of another user"))
    message = f"a command of {getpass.getuser()} was interrupted in this project: .*delete {MARKER}"
    with pytest.raises(ScaffoldError, match=message):
        finish_interrupted(mine)
    with pytest.raises(ScaffoldError, match=message):
        add(mine, "mine", ["teardown"])
    with pytest.raises(ScaffoldError, match="interrupted"):
        preview(mine, lambda: Plan("test"))
    assert tree(mine) == half_done
    monkeypatch.setenv("XDG_STATE_HOME", own)
    finish_interrupted(mine)
    assert tree(mine) == before


def test_files_that_another_user_has_restored_stay(
    mine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command of the other one gives a new file the same content as the killed one."""
    backup, own = tmp_path / "backup", os.environ["XDG_STATE_HOME"]
    shutil.copytree(mine, backup)
    run_and_die(["new-task", "third", "--base", "translation"], mine, 15)
    assert (mine / "tasks/third/model.py").exists()
    assert journal_in(state_folder(mine)).exists()
    for path in mine.rglob("*"):
        if path.is_file() and not (backup / path.relative_to(mine)).exists():
            path.unlink()
    shutil.copytree(backup, mine, dirs_exist_ok=True)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "of another user"))
    new_task(mine, "third", "translation")
    after = tree(mine)
    monkeypatch.setenv("XDG_STATE_HOME", own)
    finish_interrupted(mine)
    assert tree(mine) == after
    assert not is_interrupted(mine)


def test_users_of_two_projects_do_not_wait(mine: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    with project_lock(mine):
        new_project(other)


def test_files_are_synced_several_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    both = threading.Barrier(2, timeout=20)
    monkeypatch.setattr(os, "fsync", lambda descriptor: both.wait())  # breaks if one is alone
    files = {tmp_path / str(number): str(number).encode() for number in range(16)}
    write_all(files)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == files


def test_no_file_is_written_after_an_error(tmp_path: Path) -> None:
    threads = threading.active_count()
    files = {tmp_path / "missing" / "file": b"", **{tmp_path / str(n): b"" for n in range(1000)}}
    with pytest.raises(FileNotFoundError, match="missing"):
        write_all(files)
    assert threading.active_count() == threads
    assert len([*tmp_path.iterdir()]) < 1000
