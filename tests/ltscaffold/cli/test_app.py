"""The command line as a user sees it."""

import os
import pty
import re
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from lightning_transformers.version import VERSION
from ltscaffold.commands.inspect.listing import hook_rows
from ltscaffold.templating.fragments import CATALOG_FOLDERS
from tests.conftest import Run
from tests.helpers.tree import tree


def test_version(run: Run) -> None:
    assert run("ltscaffold", "--version").stdout == f"ltscaffold {VERSION}\n"


def test_help_names_every_command(run: Run) -> None:
    text = run("ltscaffold", "--help").stdout
    assert all(command in text for command in ("new-project", "new-task", "new-dataset", "list"))


@pytest.mark.parametrize("what", CATALOG_FOLDERS.values())
def test_list(what: str, run: Run) -> None:
    text = run("ltscaffold", "list", what, COLUMNS="120").stdout
    known = {"bases": "language_modeling", "hooks": "training_step", "recipes": "weight_noise"}
    assert (known | {"shell": "pre_commit"})[what] in text


def test_list_in_a_pipe_has_a_tab_separated_line_per_hook(run: Run) -> None:
    lines = run("ltscaffold", "list", "hooks").stdout.splitlines()
    rows = [line.split("\t") for line in lines]
    assert len(rows) > 50
    assert {len(row) for row in rows} == {5}
    ((*_, summary),) = [row for row in rows if row[1] == "optimizer_step"]
    assert "closure computes gradients" in summary


@pytest.mark.parametrize("width", [60, 80, 200])
def test_a_terminal_shows_the_names_of_hooks_whole(project: Path, width: int) -> None:
    hooks = hook_rows(project, "task")
    shown = in_terminal(["ltscaffold", "list", "hooks"], width)
    lines = shown.splitlines()
    assert max(len(line) for line in lines) <= width
    assert [row["name"] for row in hooks] == [
        name for name in (line[12:].partition(" ")[0] for line in lines if line[0] != " ") if name
    ]
    assert ("(state_dict: Mapping" in shown) == (width == 200)


def in_terminal(command: list[str], width: int) -> str:
    """Return the output of a command in a terminal, without its colors."""
    leader, follower = pty.openpty()
    size = {"COLUMNS": str(width), "TERM": "xterm", "NO_COLOR": "1"}
    with subprocess.Popen(command, stdout=follower, env=os.environ | size):
        os.close(follower)
        output = b""
        with suppress(OSError):  # how Linux reports the end
            while chunk := os.read(leader, 4096):
                output += chunk
    os.close(leader)
    return re.sub(r"\x1b\[[0-9;]*m|\r", "", output.decode())


def test_new_project(project: Path, run: Run) -> None:
    done = run("ltscaffold", "new-project", "other", "--package", "examples")
    assert done.returncode == 0
    assert "examples/__init__.py" in tree(project / "other")
    assert run("ltscaffold", "new-project", "other").returncode == 2


def test_next_commands_begin_in_the_folder_of_the_project(project: Path, run: Run) -> None:
    enter = "\nNext:\n  cd 'an other'\n  ltscaffold "
    assert f"{enter}new-task" in run("ltscaffold", "new-project", "an other").stdout
    command = ("ltscaffold", "template", "eject", "hooks/setup", "--project")
    assert f"{enter}check\n" in run(*command, "an other").stdout
    (project / "link").symlink_to(project)
    command = ("ltscaffold", "new-task", "mine", "--base", "translation", "--project")
    assert "\nNext:\n  python train.py" in run(*command, "link").stdout


def test_missing_option_is_a_usage_error(run: Run) -> None:
    done = run("ltscaffold", "new-task", "mine")
    assert done.returncode == 2
    assert "--base" in done.stderr
