"""Processes that start with their imports done: a server forks one for each command.

`ltscaffold …`, `copier …`, `pytest …` and `python train.py …` spend most of their time on imports.
A forked process has its own arguments, environment, folder and standard streams; it only finds the
modules loaded. It leaves out the start of an interpreter and of a console script, which
`tests/ltscaffold/test_startup.py` covers.
"""

import atexit
import gc
import importlib
import json
import os
import runpy
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

LIGHT = (
    *("copier._cli", "jinja2.ext", "libcst.codemod.commands.rename", "questionary", "rich.table"),
    *("typer.rich_utils", "ltscaffold.cli.app", "ltscaffold.cli.output", "ltscaffold.cli.prompts"),
    *("ltscaffold.commands.create.new_component", "ltscaffold.commands.create.new_project"),
    *("ltscaffold.commands.edit.add", "ltscaffold.commands.edit.remove"),
    *("ltscaffold.commands.edit.rename", "ltscaffold.commands.edit.undo"),
    *("ltscaffold.commands.inspect.check", "ltscaffold.commands.inspect.explain"),
    *("ltscaffold.commands.inspect.listing", "ltscaffold.commands.templates.eject"),
    *("ltscaffold.commands.templates.harvest", "ltscaffold.commands.templates.test"),
    "ltscaffold.commands.update.update",
)
HEAVY = ("lightning_transformers.cli", "lightning_transformers.testing", "hypothesis", "pytest")
FORKED = {"ltscaffold": LIGHT, "copier": LIGHT, "pytest": HEAVY, "python": HEAVY}
"""Programs, and the modules that they find loaded; the other programs are started."""


def run(
    command: Sequence[object],
    folder: Path,
    environment: Mapping[str, str] | None = None,
    loaded: tuple[str, ...] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a command, with its imports done if it is Python.

    Args:
        command: a program and its arguments.
        folder: the working directory.
        environment: all variables; by default those of this process.
        loaded: the modules that it finds loaded, in place of those of `FORKED`.
    """
    words = [str(word) for word in command]
    variables = dict(os.environ if environment is None else environment)
    variables.setdefault("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # ours are not the project's
    program = "python" if words[0] == sys.executable else words[0]
    if program not in FORKED:
        null = subprocess.DEVNULL
        return subprocess.run(
            words, cwd=folder, env=variables, stdin=null, capture_output=True, text=True
        )
    script = "copier" if words[1:3] == ["-m", "copier"] else program
    server = _server(loaded or FORKED[script])
    with tempfile.TemporaryDirectory() as streams:
        request = [[program, *words[1:]], str(folder), variables, streams]
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.write(json.dumps(request) + "\n")
        server.stdin.flush()
        status = int(server.stdout.readline())
        out, err = ((Path(streams) / name).read_text() for name in ("1", "2"))
    return subprocess.CompletedProcess(words, status, out, err)


@cache
def _server(loaded: tuple[str, ...]) -> subprocess.Popen[str]:
    """Start a server, which ends when this process does."""
    command = [sys.executable, __file__, *loaded]
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    atexit.register(server.communicate)  # closes its input, which ends it, and waits
    return server


def _serve() -> None:
    """Answer requests, a line of JSON each, with the exit status of a process that is forked."""
    del sys.path[0]
    for module in sys.argv[1:]:
        importlib.import_module(module)
    gc.freeze()  # no child collects, and so copies, what was imported
    scripts = {script.name: script for script in entry_points(group="console_scripts")}
    replies = os.fdopen(os.dup(1), "w", buffering=1)
    for line in sys.stdin:
        child = os.fork()
        if not child:
            return _become(scripts, *json.loads(line))
        _, status = os.waitpid(child, 0)
        replies.write(f"{os.waitstatus_to_exitcode(status)}\n")
    return None


def _become(
    scripts: Mapping[str, EntryPoint],
    command: list[str],
    folder: str,
    environment: dict[str, str],
    streams: str,
) -> None:
    """Do what a command does, in the process that this one becomes."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    if plumbum := sys.modules.get("plumbum"):  # through which Copier runs git: it remembers both
        plumbum.local.env.clear()
        plumbum.local.env.update(environment)
        plumbum.local.cwd.chdir(folder)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for descriptor in (1, 2):
        opened = os.open(f"{streams}/{descriptor}", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
        os.dup2(opened, descriptor)
    sys.stdin, sys.stdout = open(0), open(1, "w")  # noqa: SIM115  # open to the end
    sys.stderr = open(2, "w", buffering=1)  # noqa: SIM115
    program, *arguments = command
    if program != "python":
        sys.argv = command
        sys.exit(scripts[program].load()())
    option, *rest = arguments
    if option == "-c":
        sys.path.insert(0, "")
        sys.argv = arguments[:1] + rest[1:]
        exec(rest[0], {"__name__": "__main__"})
    elif option == "-m":
        sys.path.insert(0, folder)
        sys.argv = rest
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    else:
        sys.path.insert(0, str(Path(option).parent.resolve()))
        sys.argv = arguments
        runpy.run_path(option, run_name="__main__")


if __name__ == "__main__":
    _serve()
