"""Running git, out of reach of the user's settings."""

import os
import subprocess
from pathlib import Path

from ltscaffold.errors import ScaffoldError


def git(*arguments: str | Path, cwd: Path | None = None, **environment: str) -> bytes:
    """Run git and return what it prints.

    Args:
        arguments: the command line after `git`.
        cwd: the folder to run in.
        environment: variables to add; those that git itself sets for its children are left out.

    Raises:
        ScaffoldError: if git is missing or fails.
    """
    command = ["git", *map(str, arguments)]
    try:
        done = subprocess.run(
            command, cwd=cwd, env=clean_environment() | environment, capture_output=True
        )
    except FileNotFoundError:
        raise ScaffoldError("git is not on PATH: install it, and try again") from None
    if done.returncode:
        reason = done.stderr.decode(errors="replace").strip()
        raise ScaffoldError(f"`{' '.join(command)}` failed: {reason}")
    return done.stdout


def clean_environment() -> dict[str, str]:
    """Return the environment without the user's git settings and a calling git's variables."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return inherited | {
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "XDG_CONFIG_HOME": os.devnull,  # git reads attributes there
    }
