"""`new-task` prompts for missing arguments at a terminal; elsewhere it fails at once."""

import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ltscaffold.record.answers import read_project
from tests.conftest import Run
from tests.helpers.projects import new_task
from tests.helpers.tree import tree

ENTER, DOWN, SPACE, CTRL_C = "\r", "\x1b[B", " ", "\x03"


def talk(folder: Path, command: list[str], dialogue: list[tuple[str, str]]) -> tuple[int, str]:
    """Run a command at a terminal, and type each answer when the text before it is shown."""
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(folder)
        os.environ |= {"TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1", "COLUMNS": "120"}
        os.execv(sys.executable, [sys.executable, "-m", "ltscaffold.cli", *command])
    shown, seen, answers = "", 0, iter(dialogue)
    expected, answer = next(answers, ("", ""))
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if select.select([terminal], [], [], 0.1)[0]:
            try:
                shown += os.read(terminal, 4096).decode(errors="replace")
            except OSError:  # the process has ended
                break
        if expected and expected in shown[seen:]:
            seen = len(shown)
            time.sleep(0.3)  # until it reads keys
            os.write(terminal, answer.encode())
            expected, answer = next(answers, ("", ""))
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), shown


def test_all_is_asked(project: Path) -> None:
    dialogue = [("Base", DOWN + ENTER), ("Name", ENTER), ("Recipes", SPACE + ENTER)]
    status, shown = talk(project, ["new-task"], dialogue)
    assert status == 0, shown
    assert "Predict the next token" in shown, "there is a word on each base"
    component = next(each for each in read_project(project).components if each.type == "task")
    assert (component.name, component.base) == ("my_language_modeling", "language_modeling")
    assert len(component.fragments) == 1


def test_what_was_given_is_not_asked(project: Path) -> None:
    status, shown = talk(project, ["new-task", "mine"], [("Base", ENTER), ("Recipes", ENTER)])
    assert status == 0, shown
    assert "? Name" not in shown
    component = next(each for each in read_project(project).components if each.type == "task")
    assert (component.name, component.base, component.fragments) == (
        "mine",
        "image_classification",
        [],
    )


def test_with_all_arguments_nothing_is_asked(project: Path) -> None:
    status, shown = talk(project, ["new-task", "mine", "--base", "language_modeling"], [])
    assert status == 0, shown
    assert "Recipes" not in shown


def test_ctrl_c_writes_nothing(project: Path) -> None:
    status, shown = talk(project, ["new-task"], [("Base", CTRL_C)])
    assert status == 130, shown
    assert "Traceback" not in shown
    assert tree(project) == {}


@pytest.mark.parametrize("arguments", [[], ["mine"], ["--base", "language_modeling"]])
def test_without_a_terminal_missing_arguments_are_named(arguments: list[str], run: Run) -> None:
    done = run("ltscaffold", "new-task", *arguments)
    assert done.returncode == 2
    assert "needs a name and a base" in done.stderr


def test_with_closed_standard_input_nothing_hangs(project: Path) -> None:
    command = [sys.executable, "-m", "ltscaffold.cli", "new-task"]
    closed = subprocess.run(
        ["sh", "-c", f"{' '.join(command)} <&-"], cwd=project, capture_output=True, timeout=60
    )
    assert closed.returncode == 2


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("new-task x --base lang", "language_modeling"),
        ("new-task x --base m", "multiple_choice"),
        ("new-task x --hook training_s", "training_step"),
        ("add mine --recipe weight_n", "weight_noise"),
        ("remove m", "mine"),
        ("rename m", "mine"),
        ("check m", "mine"),
        ("list comp", "components"),
    ],
)
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_shell_completes_names(
    words: str, expected: str, shell: str, project: Path, run: Run
) -> None:
    new_task(project, "mine", "language_modeling")
    line = f"ltscaffold {words}"
    asked = {
        "_LTSCAFFOLD_COMPLETE": f"complete_{shell}",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(line.split()) - 1),
        "_TYPER_COMPLETE_ARGS": line,
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
    }
    done = run("ltscaffold", **asked)
    assert expected in done.stdout
    assert done.stderr == ""


def test_completion_in_a_damaged_project_is_silent(project: Path, run: Run) -> None:
    (project / ".copier-answers.yml").write_text("- [")
    asked = {
        "_LTSCAFFOLD_COMPLETE": "complete_bash",
        "COMP_WORDS": "ltscaffold remove m",
        "COMP_CWORD": "2",
    }
    done = run("ltscaffold", **asked)
    assert (done.stdout.strip(), done.stderr) == ("", "")
