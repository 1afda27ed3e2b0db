"""Python in a process of its own: the generator imports neither the runtime nor other tools."""

import os
import subprocess
import sys
from pathlib import Path

from ltscaffold.errors import ScaffoldError


def run_python(folder: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run Python in a folder and return its exit status and output."""
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
    """Run Python in a project and return its standard output.

    Raises:
        ScaffoldError: if it fails, with the last line of its standard error.
    """
    completed = run_python(project, *arguments)
    if completed.returncode:
        raise ScaffoldError(last_line(completed.stderr).removeprefix("error: "))
    return completed.stdout


def last_line(output: str) -> str:
    """Return the last line of a program's output."""
    return (output.strip().splitlines() or ["no reason given"])[-1]
