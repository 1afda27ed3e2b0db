"""Commands in a child process that counts its writes and can be killed before any of them.

Python calls an audit hook before each open, rename, unlink, mkdir and rmdir, whichever code
requests it. The lock is not counted, nor are compiled templates in the cache, nor the temporary
folder in which git merges, whose files are removed relative to it.
"""

import signal
import subprocess
from pathlib import Path

from tests.helpers import warm

COMMANDS = [
    ["new-task", "third", "--base", "language_modeling", "--recipe", "weight_noise"],
    ["new-dataset", "rows", "--base", "translation", "--hook", "setup"],
    ["new-callback", "watch", "--hook", "on_fit_start"],
    ["add", "first", "--hook", "setup", "--recipe", "freeze_backbone"],
    ["remove", "second"],
    ["rename", "first", "other"],
    ["undo"],
]

CHILD = """
import os, signal, sys
sys.dont_write_bytecode = True
import ltscaffold.cli.output, ltscaffold.commands.create.new_component
import ltscaffold.commands.update.update
from ltscaffold.commands.edit import add, remove, rename, undo
from ltscaffold.cli.app import main

UNCOUNTED = ("/ltscaffold-merge", "/compiled-")
WRITES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.truncate"}
fatal, count = int(sys.argv.pop(1)), 0

def watch(event, arguments):
    global count
    flags = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
    if event == "open":
        path, mode, flag = arguments
        if not isinstance(path, (str, bytes)) or not flag & flags:
            return
        path = os.fsdecode(path)
        if path.endswith("/lock") or path == os.devnull or any(u in path for u in UNCOUNTED):
            return
    elif event not in WRITES or any(u in str(arguments[0]) for u in UNCOUNTED):
        return
    elif event == "os.remove" and arguments[1] != -1:
        return
    count += 1
    if count == fatal:
        os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(watch)
sys.argv[0] = "ltscaffold"
try:
    main()
finally:
    print("writes:", count, file=sys.stderr)
"""


def writes_of(command: list[str], project: Path) -> int:
    """Run a command to its end and return how often it writes."""
    done = _run(command, project, 0)
    assert done.returncode == 0, done.stderr
    return int(done.stderr.rpartition("writes:")[2])


def run_and_die(command: list[str], project: Path, point: int) -> None:
    """Run a command that is killed before its write of a number, from 1."""
    assert _run(command, project, point).returncode == -signal.SIGKILL


def _run(command: list[str], project: Path, point: int) -> subprocess.CompletedProcess[str]:
    return warm.run(["python", "-c", CHILD, point, *command], project, loaded=warm.LIGHT)
