"""The runtime, in a process of its own: the generator does not import it."""

import subprocess
import sys
from pathlib import Path

from ltscaffold.errors import ScaffoldError


def run_python(project: Path, *arguments: str) -> str:
    """Run Python in a project and return what it prints.

    Raises:
        ScaffoldError: if it fails, with the last line that it says of it.
    """
    command = [sys.executable, *arguments]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise ScaffoldError(reason.removeprefix("error: "))
    return done.stdout
