"""Running git: out of reach of the user's settings, or with them where a network is involved."""

import os
import signal
import subprocess
from collections.abc import Iterable
from pathlib import Path

from ltscaffold.errors import ScaffoldError

TIMEOUT_S = 120
"""How many seconds a remote may take."""
OF_A_REPOSITORY = {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_NAMESPACE"}
"""Variables that a calling git sets about its own repository."""


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


def git_over_network(*arguments: str | Path) -> None:
    """Run git with the user's settings, such as proxies and credentials; it cannot ask anything.

    Raises:
        ScaffoldError: if git is missing, or fails, or takes longer than `TIMEOUT_S`.
    """
    inherited = {name: value for name, value in os.environ.items() if name not in OF_A_REPOSITORY}
    try:
        running = subprocess.Popen(
            ["git", *map(str, arguments)],
            env=inherited | {"GIT_TERMINAL_PROMPT": "0"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,  # without a terminal ssh does not ask, either
        )
    except FileNotFoundError:
        raise ScaffoldError("git is not on PATH: install it, and try again") from None
    try:
        _, said = running.communicate(timeout=TIMEOUT_S)
    except BaseException as error:
        os.killpg(running.pid, signal.SIGKILL)
        running.communicate()
        if isinstance(error, subprocess.TimeoutExpired):
            raise ScaffoldError(f"no answer within {TIMEOUT_S} seconds") from None
        raise
    if running.returncode:
        raise ScaffoldError(" ".join(said.decode(errors="replace").split()))


def clean_environment() -> dict[str, str]:
    """Return the environment without the user's git settings and a calling git's variables."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return inherited | {
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "XDG_CONFIG_HOME": os.devnull,  # git reads attributes there
    }


def ignored(project: Path, paths: Iterable[str]) -> list[str]:
    """Return those of a project's paths that git ignores; outside of a repository, none."""
    command = ["git", "check-ignore", "--no-index", "-z", "--stdin"]
    try:
        done = subprocess.run(
            command,
            input="\0".join(paths),
            cwd=project,
            env=clean_environment(),
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        return []
    return done.stdout.split("\0")[:-1]
