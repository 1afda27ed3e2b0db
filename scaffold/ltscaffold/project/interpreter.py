"""Python in a process of its own: the generator imports neither the runtime nor other tools."""

import subprocess
import sys
from pathlib import Path

from ltscaffold.errors import ScaffoldError


def run_python(folder: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run Python in a folder and return its exit status and what it prints."""
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def python_output(project: Path, *arguments: str) -> str:
    """Run Python in a project and return what it prints.

    Raises:
        ScaffoldError: if it fails, with the last line that it says of it.
    """
    done = run_python(project, *arguments)
    if done.returncode:
        raise ScaffoldError(last_line(done.stderr).removeprefix("error: "))
    return done.stdout


def last_line(printed: str) -> str:
    """Return the last line that a failed program printed."""
    return (printed.strip().splitlines() or ["no reason given"])[-1]
