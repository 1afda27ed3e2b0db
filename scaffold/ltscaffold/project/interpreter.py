"""Python in a process of its own: the generator imports neither the runtime nor other tools."""

import os
import subprocess
import sys
from pathlib import Path

from ltscaffold.errors import ScaffoldError


def run_python(folder: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run this interpreter in another process; return its exit status and output.

    Args:
        folder: the working directory.
        arguments: the command line after `python`.
    """
    command = [sys.executable, "-P", *map(str, arguments)]  # no module of the folder shadows ours
    return subprocess.run(
        command,
        cwd=folder,
        env=os.environ | {"PYTHONUTF8": "1"},  # Hydra reads configs in the locale's encoding
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )


def python_output(project: Path, *arguments: str) -> str:
    """Run this interpreter in another process; return its standard output.

    Args:
        project: the working directory.
        arguments: the command line after `python`.

    Raises:
        ScaffoldError: if it fails, with the last line of its standard error.
    """
    completed = run_python(project, *arguments)
    if completed.returncode:
        raise ScaffoldError(last_line(completed.stderr).removeprefix("error: "))
    return completed.stdout


def last_line(output: str) -> str:
    """Return the last line of a program's output, which names the error of a traceback."""
    return (output.strip().splitlines() or ["no reason given"])[-1]
