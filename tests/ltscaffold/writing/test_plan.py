"""The printed patch gives the same tree as the command."""

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ltscaffold.writing.plan import Change
from tests.conftest import Run
from tests.helpers.faults import COMMANDS
from tests.helpers.projects import new_project, new_task
from tests.helpers.tree import tree

BYTES = st.one_of(
    st.none(),
    st.text("ab\r\n é", max_size=40).map(str.encode),
    st.binary(max_size=20).filter(lambda content: b"\0" not in content),
)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_the_patch_gives_the_tree_of_the_real_run(
    command: list[str], project: Path, run: Run, tmp_path: Path
) -> None:
    new_project(project)
    new_task(project, "first", "language_modeling", ["training_step"])
    new_task(project, "second", "text_classification")
    edit = project / "tasks/first/model.py"
    edit.write_text(edit.read_text().replace("return super()", "return 2 * super()"))
    shutil.copytree(project, tmp_path / "copy")
    patch = run("ltscaffold", *command, "--diff")
    assert patch.returncode == 0, patch.stderr
    assert tree(project) == tree(tmp_path / "copy")
    real = run("ltscaffold", *command)
    assert real.returncode == 0, real.stderr
    assert tree(project) != tree(tmp_path / "copy")
    git_apply(patch.stdout.encode(), tmp_path / "copy")
    assert tree(project) == tree(tmp_path / "copy")


def test_the_patch_of_a_new_project(project: Path, run: Run, tmp_path: Path) -> None:
    """With new, empty and hidden files, in a folder that is not there yet."""
    patch = run("ltscaffold", "new-project", "x", "--diff")
    assert list(project.iterdir()) == []
    (tmp_path / "copy").mkdir()
    git_apply(patch.stdout.encode(), tmp_path / "copy")
    assert run("ltscaffold", "new-project", "x").returncode == 0
    assert tree(project / "x") == tree(tmp_path / "copy")


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(["plain.txt", "with space.txt", 'quo"te.txt', "ümlaut/x.txt"]),
    before=BYTES,
    after=BYTES,
)
def test_any_change_applies(
    name: str, before: bytes | None, after: bytes | None, tmp_path: Path
) -> None:
    """Of any bytes, with any line ends, with and without one at the end."""
    if before == after:
        return
    folder = tmp_path / "any"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / name).parent.mkdir(parents=True)
    if before is not None:
        (folder / name).write_bytes(before)
    git_apply(Change(name, before, after).diff().encode("utf-8", "surrogateescape"), folder)
    assert tree(folder) == ({} if after is None else {name: after})


def git_apply(patch: bytes, folder: Path) -> None:
    done = subprocess.run(["git", "apply", "-"], input=patch, cwd=folder, capture_output=True)
    assert done.returncode == 0, (done.stderr.decode(), patch)
