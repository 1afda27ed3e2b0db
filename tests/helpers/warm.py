"""Processes with preloaded modules: a server forks one for each command.

`ltscaffold …`, `copier …`, `pytest …` and `python train.py …` spend most of their time on imports.
A forked process has its own arguments, environment, folder and standard streams; only
its modules are loaded already. It skips the start of an interpreter and of a console script, which
`tests/ltscaffold/test_startup.py` covers.
"""

import atexit
import gc
import importlib
import json
import logging
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import NoReturn

LIGHT = (
    *("copier._cli", "jinja2.ext", "questionary", "rich.table"),
    *("typer.rich_utils", "ltscaffold.cli.app", "ltscaffold.cli.output", "ltscaffold.cli.prompts"),
    *("ltscaffold.commands.create.new_component", "ltscaffold.commands.create.new_project"),
    *("ltscaffold.commands.edit.add", "ltscaffold.commands.edit.remove"),
    *("ltscaffold.commands.edit.rename", "ltscaffold.commands.edit.undo"),
    *("ltscaffold.commands.inspect.check", "ltscaffold.commands.inspect.explain"),
    *("ltscaffold.commands.inspect.listing", "ltscaffold.commands.templates.eject"),
    *("ltscaffold.commands.templates.extract_patch", "ltscaffold.commands.templates.test"),
    "ltscaffold.commands.update.update",
)
HEAVY = (
    *("lightning_transformers.cli", "lightning_transformers.testing", "hypothesis", "pytest"),
    *("lightning_transformers.callbacks", "lightning_transformers.runs.results.report"),
    *("lightning_transformers.runs.rerun", "matplotlib.backends.backend_agg"),
    "transformers.optimization",  # and so peft, bitsandbytes and the compiler of torch: 2 s
)
FORKED = {
    **{"ltscaffold": LIGHT, "copier": LIGHT, "pytest": HEAVY, "python": HEAVY},
    "pl-transformers-train": HEAVY,
}
"""Programs, and the modules preloaded for them; other programs start normally."""
READ_AT_IMPORT = ("HF_ENDPOINT", "HF_HOME", "HF_HUB_OFFLINE")
"""Variables that a library reads once: a server is started for each setting of them."""
TIMEOUT_S = 1800.0
"""Seconds after which a command is killed with its child processes."""
MOST_SERVERS = 3
"""Of half a gigabyte each; the oldest one ends when another is started."""

Settings = tuple[tuple[str, str], ...]
_SERVERS: dict[tuple[tuple[str, ...], Settings], subprocess.Popen[str]] = {}


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
    settings = tuple((name, variables[name]) for name in READ_AT_IMPORT if name in variables)
    server = _server(loaded or FORKED[script], settings)
    with tempfile.TemporaryDirectory() as streams:
        variables["PYTEST_DEBUG_TEMPROOT"] = streams  # pytest clears away folders of earlier runs
        request = [[program, *words[1:]], str(folder), variables, streams]
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.write(json.dumps(request) + "\n")
        server.stdin.flush()
        group = int(server.stdout.readline())
        limit = threading.Timer(TIMEOUT_S, os.killpg, (group, signal.SIGKILL))
        limit.start()
        status = int(server.stdout.readline())
        limit.cancel()
        out, err = ((Path(streams) / name).read_text() for name in ("1", "2"))
    return subprocess.CompletedProcess(words, status, out, err)


def _server(loaded: tuple[str, ...], settings: Settings) -> subprocess.Popen[str]:
    """Return a server, which ends with its standard input: at the latest with this process.

    Args:
        loaded: the modules to import.
        settings: the variables of READ_AT_IMPORT.
    """
    if (loaded, settings) not in _SERVERS:
        if len(_SERVERS) == MOST_SERVERS:
            _SERVERS.pop(next(iter(_SERVERS))).communicate()
        others = {name: value for name, value in os.environ.items() if name not in READ_AT_IMPORT}
        _SERVERS[loaded, settings] = subprocess.Popen(
            [sys.executable, __file__, *loaded],
            env=others | dict(settings),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
    return _SERVERS[loaded, settings]


def _serve() -> None:
    """Answer requests, a line of JSON each: the id of a forked process, and its exit status."""
    del sys.path[0]
    for module in sys.argv[1:]:
        importlib.import_module(module)
    if source_code := sys.modules.get("lightning_transformers.data.source_code"):
        for package in ("tokenizers", "transformers"):  # remembered: each command asks for them
            source_code.release_of(package)
    gc.disable()  # a command is short; and no child copies what was imported
    scripts = {script.name: script for script in entry_points(group="console_scripts")}
    replies = os.fdopen(os.dup(1), "w", buffering=1)
    for line in sys.stdin:
        child = os.fork()
        if not child:
            os.setpgid(0, 0)
            _end(partial(_become, scripts, *json.loads(line)))
        replies.write(f"{child}\n")
        _, status = os.waitpid(child, 0)
        replies.write(f"{os.waitstatus_to_exitcode(status)}\n")


def _end(command: Callable[[], None]) -> NoReturn:
    """Run a command and end as an interpreter does, but without the half second to free memory."""
    status = 0
    try:
        command()
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        status = 1
    threading._shutdown()  # type: ignore[attr-defined]  # as `multiprocessing` ends its processes
    atexit._run_exitfuncs()
    sys.stdout.flush()
    os._exit(status)


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
    if "PYTHONPATH" in environment:
        sys.path[:0] = environment["PYTHONPATH"].split(os.pathsep)
    program, *arguments = command
    safe_path = arguments[:1] == ["-P"]
    arguments = arguments[safe_path:]
    if arguments[:1] not in (["-c"], ["-m"]):
        # Commands and pytest configure logging before they import Lightning; it logs there, then.
        for name in ("lightning_fabric", "pytorch_lightning"):
            logging.getLogger(name).handlers.clear()
            logging.getLogger(name).propagate = True
    if program != "python":
        sys.argv = [str(Path(sys.executable).with_name(program)), *arguments]
        sys.exit(scripts[program].load()())
    option, *rest = arguments
    if not safe_path:
        sys.path.insert(0, folder if option in ("-c", "-m") else str(Path(option).parent.resolve()))
    if option == "-c":
        sys.argv = arguments[:1] + rest[1:]
        exec(rest[0], {"__name__": "__main__"})
    elif option == "-m":
        sys.argv = rest
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    else:
        sys.argv = arguments
        runpy.run_path(option, run_name="__main__")


if __name__ == "__main__":
    _serve()
