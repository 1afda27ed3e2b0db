"""Bash, zsh and fish complete `ltscaffold` from a static script, which starts no Python."""

import os
import pty
import re
import subprocess
from contextlib import suppress
from pathlib import Path
from shutil import which

import pytest
from typer import _completion_shared

from ltscaffold.cli.app import app
from ltscaffold.cli.static_completion import use_static_scripts
from ltscaffold.record.answers import ANSWERS_FILE
from tests.helpers.projects import new_task

PROGRAM = 'ltscaffold() { echo "<$*>"; }; PATH=/usr/bin:/bin\n'
"""A function in place of the program: completing must not start it."""
PLAIN = {"TERM": "dumb", "PS1": ""}
"""No escape sequences and no prompt."""
LINES = [
    ("ltscaffold new-t\t", "new-task"),
    ("ltscaffold new-task x --ba\t", "new-task x --base"),
    ("ltscaffold new-task x --base lang\t", "new-task x --base language_modeling"),
    ("ltscaffold new-task x --base my_o\t", "new-task x --base my_own_task"),
    ("ltscaffold new-task x --recipe weight_n\t", "new-task x --recipe weight_noise"),
    ("ltscaffold add my\t --hook training_s\t", "add my_own_task --hook training_step"),
    ("ltscaffold update --strategy sem\t", "update --strategy semantic"),
    ("ltscaffold template ej\t recipes/weight_n\t", "template eject recipes/weight_noise"),
    ("ltscaffold new-dataset x --base lang\t", "new-dataset x --base language_modeling"),
    ("ltscaffold new-dataset x --hook clean\t", "new-dataset x --hook clean_row"),
    ("ltscaffold new-callback x --hook on_exc\t", "new-callback x --hook on_exception"),
    ("ltscaffold add my\t --hook clean\t", "add my_own_task --hook clean_row"),
    ("ltscaffold list reci\t --js\t", "list recipes --json"),
]
"""A line with tabs, and the words that the program is given for it."""
STARTS = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], "source {script}"),
    "zsh": (
        ["zsh", "-f", "-i"],
        "PS1=; fpath+=({folder}); autoload -Uz compinit; compinit -u -D; zstyle '*' insert-tab no",
    ),
}
"""Shell → its command without the user's settings, and the lines that find the script."""


def in_bash(command: str, **environment: str) -> bytes:
    """Return the output of a command below bash: Typer asks which shell has started it."""
    started = ["bash", "-c", f"{command}; exit $?"]
    variables = os.environ | environment
    return subprocess.run(started, env=variables, stdout=subprocess.PIPE, check=True).stdout


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("completion") / "ltscaffold.sh"
    path.write_bytes(in_bash("ltscaffold --show-completion"))
    return path


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the scripts of zsh and fish, named as these shells find them."""
    folder = tmp_path_factory.mktemp("completions")
    use_static_scripts(app)
    for shell, name in (("zsh", "_ltscaffold"), ("fish", "ltscaffold.fish")):
        text = _completion_shared.get_completion_script(
            prog_name="ltscaffold", complete_var="_LTSCAFFOLD_COMPLETE", shell=shell
        )
        (folder / name).write_text(text)
    return folder


@pytest.fixture
def with_task(project: Path) -> Path:
    new_task(project, "my_own_task", "language_modeling")
    return project


def completed(line: str, script: Path, folder: Path, shell: str = "bash") -> str:
    """Return the words that a shell gives to the program for a line with tabs, in a terminal."""
    start, setup = STARTS[shell]
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(folder)
        os.execvpe("timeout", ["timeout", "--foreground", "20", *start], {**os.environ, **PLAIN})
    found = setup.format(script=script, folder=script.parent)
    os.write(terminal, f"{PROGRAM}{found}\n{line}\nexit\n".encode())
    shown = b""
    with suppress(OSError):  # the end
        while part := os.read(terminal, 4096):
            shown += part
    os.close(terminal)
    os.waitpid(child, 0)
    (words,) = re.findall(rb"^<(.*?) *>", shown, re.MULTILINE)
    return str(words.decode())


@pytest.mark.parametrize(("line", "words"), LINES)
def test_bash_completes(line: str, words: str, script: Path, with_task: Path) -> None:
    assert completed(line, script, with_task) == words


@pytest.mark.skipif(which("zsh") is None, reason="zsh is not installed")
@pytest.mark.parametrize(("line", "words"), LINES)
def test_zsh_completes(line: str, words: str, scripts: Path, with_task: Path) -> None:
    assert completed(line, scripts / "_ltscaffold", with_task, "zsh") == words


@pytest.mark.skipif(which("fish") is None, reason="fish is not installed")
@pytest.mark.parametrize(("line", "words"), LINES)
def test_fish_completes(line: str, words: str, scripts: Path, with_task: Path) -> None:
    """Fish completes in a terminal only; a script can ask it for the words that it would offer."""
    *parts, _ = line.split("\t")
    typed = ""
    for part in parts:
        typed += part
        ask = f"source {scripts}/ltscaffold.fish; complete -C '{typed}'"
        environment = {**os.environ, "HOME": str(scripts), "PATH": "/usr/bin:/bin"}
        done = subprocess.run(
            ["fish", "--no-config", "-c", ask],
            cwd=with_task,
            env=environment,
            stdout=-1,
            check=True,
        )
        (word,) = done.stdout.decode().splitlines()
        typed = typed[: typed.rfind(" ") + 1] + word
    assert typed == f"ltscaffold {words}"


@pytest.mark.parametrize("option", ["-C {}", "--project {}", "--project={}", "-C ~/{.name}"])
def test_components_are_those_of_the_given_project(
    option: str, script: Path, with_task: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(with_task.parent))
    words = completed(f"ltscaffold remove {option.format(with_task)} my\t", script, Path("/"))
    given = option.format(with_task).replace("~", str(with_task.parent))
    assert words == f"remove {given} my_own_task"


@pytest.mark.parametrize("name", ["my$(touch ran)", "my`touch ran`", "my*"])
def test_the_record_of_a_project_runs_nothing(name: str, script: Path, with_task: Path) -> None:
    with (with_task / ANSWERS_FILE).open("a") as record:
        record.write(f'    "name": "{name}",\n')
    (with_task / "my_file").touch()
    assert completed("ltscaffold remove my\t", script, with_task) == "remove my_own_task"
    assert not (with_task / "ran").exists()


def test_the_installed_script_is_the_static_one(script: Path, tmp_path: Path) -> None:
    in_bash("ltscaffold --install-completion", HOME=str(tmp_path))
    installed = tmp_path / ".bash_completions/ltscaffold.sh"
    assert installed.read_text().strip() == script.read_text().strip()
    assert f"source '{installed}'" in (tmp_path / ".bashrc").read_text()
