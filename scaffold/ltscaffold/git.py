"""Run git: without the user's settings, except over a network."""

import os
import shlex
import signal
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ltscaffold.errors import ScaffoldError

TIMEOUT_S = 120
"""Limit for an operation on a remote."""
GIT_VARIABLES = {
    *("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_NAMESPACE"),
    *("GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES"),
}
"""Variables that git sets for a child, about its own repository."""
SETTING_VARIABLES = ("GIT_TEMPLATE_DIR", "GIT_ALLOW_PROTOCOL", "GIT_PROTOCOL_FROM_USER")
"""Variables with which a user changes what git does in any repository."""


@dataclass(frozen=True)
class Setting:
    """A setting of git: a key of its configuration, or a variable of the environment.

    Attributes:
        key: such as "core.hooksPath" or "GIT_TEMPLATE_DIR".
        value: its value.
        reset: the shell command that resets it.
    """

    key: str
    value: str
    reset: str


def git(*arguments: str | Path, cwd: Path | None = None, **environment: str) -> bytes:
    """Run git without the user's settings and return its standard output.

    Args:
        arguments: the command line after `git`.
        cwd: the working directory.
        environment: variables to add.

    Raises:
        ScaffoldError: if git is missing or fails.
    """
    done = run_git(*arguments, cwd=cwd, environment=environment)
    if done.returncode:
        raise git_error(done)
    return done.stdout


def run_git(
    *arguments: str | Path,
    cwd: Path | None = None,
    stdin: bytes = b"",
    environment: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[bytes]:
    """Run git without the user's settings; return its exit status, also of a failure, and output.

    Args:
        arguments: the command line after `git`.
        cwd: the working directory.
        stdin: the standard input.
        environment: variables to add.

    Raises:
        ScaffoldError: if git is missing.
    """
    command, env = ["git", *map(str, arguments)], {**clean_environment(), **(environment or {})}
    with _git_on_path():
        return subprocess.run(
            command, cwd=cwd, input=stdin, env=env, capture_output=True, check=False
        )


def git_error(done: subprocess.CompletedProcess[bytes]) -> ScaffoldError:
    """Return the error for a failed run of git, with its command line and standard error."""
    reason = " ".join(done.stderr.decode(errors="replace").split())
    return ScaffoldError(f"`{' '.join(done.args)}` failed: {reason}")


@contextmanager
def _git_on_path() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise ScaffoldError("git is not on PATH; install it, or add its folder to PATH") from None


def git_over_network(*arguments: str | Path) -> None:
    """Run git with the user's settings, such as proxies and credentials, without prompts.

    Raises:
        ScaffoldError: if git is missing, fails, or takes longer than `TIMEOUT_S` seconds.
    """
    with _git_on_path():
        running = subprocess.Popen(
            ["git", *map(str, arguments)],
            env=_user_environment() | {"GIT_TERMINAL_PROMPT": "0"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,  # without a terminal, ssh does not prompt
        )
    try:
        _, stderr = running.communicate(timeout=TIMEOUT_S)
    except BaseException as error:
        os.killpg(running.pid, signal.SIGKILL)
        running.communicate()
        if isinstance(error, subprocess.TimeoutExpired):
            raise ScaffoldError(f"git has not finished within {TIMEOUT_S} seconds") from None
        raise
    if running.returncode:
        raise ScaffoldError(" ".join(stderr.decode(errors="replace").split()))


def clean_environment() -> dict[str, str]:
    """Return the environment without git's variables and without the user's git settings."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return inherited | {
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "LC_ALL": "C",  # so that errors can be recognized
        "XDG_CONFIG_HOME": os.devnull,  # git reads attributes there
    }


def user_settings(nowhere: Path) -> list[Setting]:
    """Return the user's settings that hold in every repository; later ones override earlier ones.

    Args:
        nowhere: a folder outside of any repository.

    Raises:
        ScaffoldError: if git is missing, or cannot read them.
    """
    command = ("git", "config", "--list", "--includes", "--show-origin", "-z")
    with _git_on_path():
        done = subprocess.run(
            command, cwd=nowhere, env=_user_environment(), capture_output=True, check=False
        )
    if done.returncode:
        raise git_error(done)
    words = os.fsdecode(done.stdout).split("\0")
    settings = []
    for origin, entry in zip(words[::2], words[1::2], strict=False):
        key, _, value = entry.partition("\n")
        reset = "unset GIT_CONFIG_COUNT GIT_CONFIG_PARAMETERS"
        if origin.startswith("file:"):
            file = origin.removeprefix("file:")
            reset = shlex.join(["git", "config", "--file", file, "--unset-all", key])
        if not key.startswith("include"):  # the listed settings are those of included files, too
            settings.append(Setting(key, value, reset))
    folder = Path(os.environ.get("XDG_CONFIG_HOME") or "~/.config").expanduser() / "git"
    defaults = {
        "core.excludesfile": folder / "ignore",
        "core.attributesfile": folder / "attributes",
    }
    variables = [name for name in SETTING_VARIABLES if name in os.environ]
    return [
        *(Setting(key, str(path), f"edit {path}") for key, path in defaults.items()),
        *settings,
        *(Setting(name, os.environ[name], f"unset {name}") for name in variables),
    ]


def with_settings(settings: Sequence[Setting]) -> dict[str, str]:
    """Return the environment variables with which `git` and `run_git` have settings of the user.

    Args:
        settings: the settings, such as the result of `user_settings`.
    """
    variables = {each.key: each.value for each in settings if each.key in SETTING_VARIABLES}
    pairs = [(each.key, each.value) for each in settings if each.key not in SETTING_VARIABLES]
    for number, (key, value) in enumerate(pairs):
        variables |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return variables | {"GIT_CONFIG_COUNT": str(len(pairs))}


def _user_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in GIT_VARIABLES}


def in_repository(folder: Path) -> bool:
    """Return whether a folder is in a git repository; it needs no git."""
    folder = folder.resolve()
    return any((parent / ".git").exists() for parent in (folder, *folder.parents))


def ignored_paths(project: Path, paths: Iterable[str]) -> list[str]:
    """Return the paths that git's ignore rules match, even if git tracks them.

    Args:
        project: the folder of the project; outside a repository or without git, none match.
        paths: relative to the project.
    """
    stdin = os.fsencode("\0".join(paths))
    try:
        done = run_git("check-ignore", "--no-index", "-z", "--stdin", cwd=project, stdin=stdin)
    except ScaffoldError:
        return []
    return os.fsdecode(done.stdout).split("\0")[:-1]
