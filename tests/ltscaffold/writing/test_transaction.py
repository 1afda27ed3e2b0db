"""A command makes all of its changes or none, also if it fails or is killed."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ltscaffold.errors import ScaffoldError
from ltscaffold.templating.source import BUNDLE_VARIABLE, SOURCE_URL, checkout, versions
from ltscaffold.writing.plan import Change, Plan, compute_changes
from ltscaffold.writing.transaction import (
    commit,
    finish_interrupted,
    is_interrupted,
    project_lock,
    state_folder,
)
from tests.helpers import warm
from tests.helpers.faults import COMMANDS, run_and_die, writes_of
from tests.helpers.projects import add, new_project, new_task, undo
from tests.helpers.releases import NEXT, next_release
from tests.helpers.tree import tree

RELEASED = versions(SOURCE_URL)[-1]
EVERY = bool(os.environ.get("LTSCAFFOLD_EVERY_KILL"))
"""Whether to kill each command before each of its writes, and not before a sample of them."""


@pytest.fixture
def edited(project: Path) -> Path:
    """Return a project with two tasks, one of them edited, and a config that names it."""
    new_project(project)
    new_task(project, "first", "language_modeling", ["training_step"])
    new_task(project, "second", "text_classification", [], ["weight_noise"])
    model = project / "tasks/first/model.py"
    model.write_text(model.read_text().replace("return super()", "return 2 * super()"))
    (project / "conf/experiment").mkdir()
    (project / "conf/experiment/mine.yaml").write_text("# @package _global_\ntask: nlp/first\n")
    return project


@pytest.mark.parametrize("command", [*COMMANDS, ["update"]], ids=lambda command: command[0])
def test_killed_before_any_write_the_tree_is_as_before_or_as_after(
    command: list[str], edited: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SIGKILL before each open for writing, rename, unlink, mkdir and rmdir in turn."""
    if command == ["update"]:
        monkeypatch.setenv(BUNDLE_VARIABLE, str(next_release()))
        versions(SOURCE_URL)  # unpacks the history: not a write of the command
        checkout(SOURCE_URL, NEXT)
        checkout(SOURCE_URL, RELEASED)
    restore = snapshot(edited, tmp_path / "snapshot")
    before = tree(edited)
    count = writes_of(command, edited)
    after = tree(edited)
    assert after != before
    half_done = 0
    for point in range(1, count + 1) if EVERY else sample(count):
        restore()
        run_and_die(command, edited, point)
        half_done += tree(edited) not in (before, after)
        finish_interrupted(edited)
        assert tree(edited) in (before, after), point
        assert not is_interrupted(edited)
        assert not list(edited.rglob(".*.ltscaffold-*"))
    assert half_done, "the kills were too early or too late to matter"


def snapshot(project: Path, folder: Path) -> Callable[[], None]:
    """Return a function that puts back what a project and its history are now."""
    pairs = [(project, folder / "files"), (state_folder(project), folder / "state")]
    for original, copy in pairs:
        shutil.copytree(original, copy)

    def restore() -> None:
        for original, copy in pairs:
            shutil.rmtree(original)
            shutil.copytree(copy, original)

    return restore


def sample(count: int) -> Iterator[int]:
    """Yield eight points from the first to the last."""
    return iter(sorted({1 + round(index * (count - 1) / 7) for index in range(8)}))


def test_an_edit_after_a_kill_is_kept(edited: Path) -> None:
    run_and_die(["add", "second", "--hook", "setup"], edited, 6)
    assert is_interrupted(edited)
    model = edited / "tasks/second/model.py"
    model.write_text("# mine\n")
    finish_interrupted(edited)
    assert model.read_text() == "# mine\n"


@pytest.mark.parametrize("limit", [500, 1500])
def test_a_write_that_fails_leaves_the_tree_as_it_was(limit: int, edited: Path) -> None:
    """A limit on the size of files: the kernel fails a write midway, as a full disk does."""
    before = tree(edited)
    setup = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))"
    done = python(setup, ["new-task", "third", "--base", "language_modeling"], edited)
    assert done.returncode == 2
    assert "File too large; nothing was changed" in done.stderr
    assert done.stderr.count("\n") == 1
    assert tree(edited) == before
    assert not (edited / "tasks/third").exists()
    assert not is_interrupted(edited)


@pytest.mark.parametrize("path", ["tasks/first/model.py", "tests/test_third.py"])
def test_a_disk_that_is_full_midway_leaves_the_tree_as_it_was(path: str, edited: Path) -> None:
    """The temporary file of a change is a device that is always full."""
    place = edited / path
    place.with_name(f".{place.name}.ltscaffold-new").symlink_to("/dev/full")
    before = tree(edited)
    plan = Plan("test", compute_changes(edited, {"tasks/first/model.py": b"", path: b"x" * 9000}))
    with (
        project_lock(edited),
        pytest.raises(ScaffoldError, match="No space left on device; nothing"),
    ):
        commit(edited, plan)
    assert {**tree(edited), **before} == before
    assert not is_interrupted(edited)


def test_without_the_limit_the_write_succeeds(edited: Path) -> None:
    assert python("", ["new-task", "third", "--base", "language_modeling"], edited).returncode == 0


@pytest.fixture
def open_to_all(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return a project that every user may write to; folders of pytest are for their owner."""
    root = Path(tempfile.mkdtemp())
    for name in ("state", "cache", "project"):
        (root / name).mkdir()
        monkeypatch.setenv(f"XDG_{name.upper()}_HOME", str(root / name))
    new_task(root / "project", "first", "language_modeling")
    python("", ["list", "bases"], root / "project")  # fills the cache
    for path in (root, *root.rglob("*")):
        path.chmod(0o777)
        if os.geteuid() == 0 and root / "state" in (path, *path.parents):  # for its owner alone
            os.chown(path, 65534, -1)
    yield root / "project"
    shutil.rmtree(root)


@pytest.mark.parametrize("folder", [".", "tests", "tasks", "conf/task/nlp"])
def test_a_folder_that_is_read_only_leaves_the_tree_as_it_was(
    folder: str, open_to_all: Path
) -> None:
    before = tree(open_to_all)
    command = ["new-task", "third", "--base", "language_modeling"]
    (open_to_all / folder).chmod(0o555)
    done = python(AS_NOBODY, command, open_to_all)
    assert done.returncode == 2, done.stderr
    assert "Permission denied; nothing was changed" in done.stderr
    assert done.stderr.count("\n") == 1
    assert tree(open_to_all) == before
    (open_to_all / folder).chmod(0o777)
    assert python(AS_NOBODY, command, open_to_all).returncode == 0


AS_NOBODY = """
import contextlib, io, os, sys
from ltscaffold.cli.app import main
sys.argv = ["ltscaffold", "new-task", "third", "--base", "language_modeling", "--dry-run"]
with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
    main()  # imports what it needs: the next user may not read it
if os.geteuid() == 0:  # whom no permission stops
    os.seteuid(65534)
"""


def python(setup: str, command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    code = f"{setup}\nimport sys\nsys.argv = ['ltscaffold', *{command}]\n"
    code += "from ltscaffold.cli.app import main\nmain()"
    return warm.run(["python", "-c", code], folder, loaded=warm.LIGHT)


@pytest.mark.parametrize("moment", [1, 2, 3, 4, 5])
def test_ctrl_c_at_a_rename_puts_everything_back(
    moment: int, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One for the journal, one for a change, one for a deletion, one to commit: four in all."""
    (project / "changed").write_text("old")
    (project / "gone").write_text("old")
    before = tree(project)
    plan = Plan(
        "test",
        [
            Change("changed", b"old", b"new"),
            Change("gone", b"old", None),
            Change("there/new", None, b"new"),
        ],
    )
    with project_lock(project):
        interrupt(monkeypatch, moment)
        with pytest.raises(KeyboardInterrupt):
            commit(project, plan)
    finished = moment == 5  # the fifth moves the journal to the history
    assert is_interrupted(project) == finished
    assert tree(project) == ({"changed": b"new", "there/new": b"new"} if finished else before)
    assert (project / "there").exists() == finished
    finish_interrupted(project)
    assert not is_interrupted(project)


def interrupt(monkeypatch: pytest.MonkeyPatch, moment: int) -> None:
    """Let the rename of a number raise KeyboardInterrupt; those before and after work."""
    calls = iter(range(1, 100))
    replace: Callable[[object, object], None] = os.replace

    def interrupted(source: object, target: object) -> None:
        if next(calls) == moment:
            raise KeyboardInterrupt
        replace(source, target)

    monkeypatch.setattr(os, "replace", interrupted)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
@pytest.mark.parametrize("option", ["--dry-run", "--diff"])
def test_a_dry_run_opens_no_file_for_writing(command: list[str], option: str, edited: Path) -> None:
    before = tree(edited)
    assert writes_of([*command, option], edited) == 0
    assert tree(edited) == before


def test_a_dry_run_says_that_a_command_was_interrupted(edited: Path) -> None:
    run_and_die(["new-task", "third", "--base", "language_modeling"], edited, 6)
    assert is_interrupted(edited)
    done = python("", ["add", "first", "--hook", "setup", "--dry-run"], edited)
    assert done.returncode == 2
    assert "recover with `ltscaffold status`" in done.stderr
    assert python("", ["status"], edited).returncode == 0
    assert not is_interrupted(edited)


def test_a_new_project_is_rolled_back_by_the_next_command_in_it(project: Path) -> None:
    """Its folder is made by the command that is killed."""
    run_and_die(["new-project", "sub"], project, 12)
    assert (project / "sub").exists()
    again = ["new-project", "sub", "--package", "mine", "--with", "none"]
    assert python("", again, project).returncode == 0
    (project / "whole").mkdir()
    new_project(project / "whole", "mine")
    assert tree(project / "sub") == tree(project / "whole")


def test_undo_that_is_killed_leaves_folders_that_were_empty(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed before its last step, it has deleted the entry with the folders of the command."""
    (project / "tests").mkdir()
    new_task(project, "mine", "language_modeling")
    unlink: Callable[[Path], None] = os.unlink

    def killed(path: Path) -> None:
        if path.name == "committed.json":
            raise KeyboardInterrupt
        unlink(path)

    with monkeypatch.context() as patch:
        patch.setattr(os, "unlink", killed)
        with pytest.raises(KeyboardInterrupt):
            undo(project)
    assert is_interrupted(project)
    finish_interrupted(project)
    assert [path.name for path in project.rglob("*")] == ["tests"]


def test_state_folder_that_cannot_be_written_to(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(project / "file"))
    with pytest.raises(ScaffoldError, match="set XDG_STATE_HOME"):
        new_task(project, "mine", "language_modeling")
    assert set(tree(project)) == {"file"}


def test_the_history_forgets_the_oldest(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ltscaffold.writing.transaction.HISTORY_LENGTH", 2)
    new_task(project, "mine", "language_modeling")
    for hook in ("setup", "teardown", "forward"):
        add(project, "mine", [hook])
    undo(project)
    undo(project)
    with pytest.raises(ScaffoldError, match="nothing to undo"):
        undo(project)
