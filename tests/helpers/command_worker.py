"""A process that runs commands such as `python train.py …` one after another.

Each is what a process of its own would be, without importing the stack again for each. It reads
a JSON list (the script and its arguments) a line and writes a JSON object with the outcome.
"""

import contextlib
import io
import json
import os
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

Execute = Callable[..., dict[str, Any]]


@contextlib.contextmanager
def started(environment: Mapping[str, str]) -> Iterator[Execute]:
    """Start such a process; give a function that runs a command in a folder."""
    worker = subprocess.Popen(
        [sys.executable, __file__],
        env={**environment, "OMP_NUM_THREADS": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert worker.stdin is not None
    assert worker.stdout is not None
    stdin, stdout = worker.stdin, worker.stdout

    def execute(folder: Path, script: str, *arguments: str) -> dict[str, Any]:
        stdin.write(json.dumps([str(folder), script, *arguments]) + "\n")
        stdin.flush()
        reply: dict[str, Any] = json.loads(stdout.readline())
        return reply

    yield execute
    stdin.close()
    worker.wait()


def main() -> None:
    """Serve until the input ends."""
    replies = os.fdopen(os.dup(1), "w", buffering=1)
    for line in sys.stdin:
        replies.write(json.dumps(outcome(*json.loads(line))) + "\n")


def outcome(folder: str, script: str, *arguments: str) -> dict[str, object]:
    """Run a command in a folder and return its exit status and what it printed."""
    from hydra.core.global_hydra import GlobalHydra

    from lightning_transformers import cli

    os.chdir(folder)
    GlobalHydra.instance().clear()
    sys.argv = [script, *arguments]
    out, err = io.StringIO(), io.StringIO()
    status: object = 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            getattr(cli, Path(script).stem)(str(Path(folder) / script))
        except SystemExit as error:
            status = error.code
        except BaseException:
            status = 1
            traceback.print_exc()
    return {"status": status, "stdout": out.getvalue(), "stderr": err.getvalue()}


if __name__ == "__main__":
    main()
