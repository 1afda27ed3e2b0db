"""Programs in a session of their own, which end with the command that starts them."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path


def run_in_group(
    command: Sequence[str], folder: Path, environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run a program without input; return its exit status and output.

    Ctrl-C in a terminal does not reach it: any exception here, such as KeyboardInterrupt, kills it
    with the processes that it has started.

    Args:
        command: the program and its arguments.
        folder: the working directory.
        environment: variables to add to those of this process.
    """
    running = subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,  # without a terminal, git asks for no password but fails
    )
    try:
        output, errors = running.communicate()
    except BaseException:
        with suppress(ProcessLookupError):  # it has just ended
            os.killpg(running.pid, signal.SIGKILL)
        running.wait()
        raise
    return subprocess.CompletedProcess(command, running.returncode, output, errors)
