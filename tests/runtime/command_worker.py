"""A process that runs commands such as `python train.py …` one after another.

Each is what a process of its own would be, without importing the stack again for each. It reads
a JSON list (the script and its arguments) a line and writes a JSON object with the outcome.
"""

import contextlib
import io
import json
import os
import sys
import traceback
from pathlib import Path


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
