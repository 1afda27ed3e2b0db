"""Exit statuses of a failed command, each with at most one line on stderr.

A user error exits with 2, Ctrl-C with 130, and a closed stdout (`… | head -1`) silently with 141,
the status of a process that SIGPIPE ends.
"""

import os
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.config.error_messages import user_error
from lightning_transformers.config.launcher import is_rank_zero
from lightning_transformers.config.tracebacks import print_folded

USER_ERROR = 2
INTERRUPTED = 130
CLOSED_PIPE = 141


@contextmanager
def exit_on_error(*, tracebacks: bool = False) -> Iterator[None]:
    """Exit on a user error, Ctrl-C or a closed stdout; other exceptions propagate.

    Python prints these with the frames of installed packages folded, see `print_folded`.

    Args:
        tracebacks: let user errors propagate, too, and print all frames.
    """
    try:
        yield
        sys.stdout.flush()
    except BaseException as error:
        if is_interrupt(error):
            if is_rank_zero():
                message = str(error) if isinstance(error, KeyboardInterrupt) else ""
                print(message or "interrupted", file=sys.stderr)
            sys.exit(INTERRUPTED)
        if isinstance(error, BrokenPipeError) and _stdout_is_closed():
            # Python flushes stdout again at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(CLOSED_PIPE)
        if tracebacks:
            raise
        reported = user_error(error)
        if reported is None:
            sys.excepthook = print_folded
            raise
        print_error(reported)
        sys.exit(USER_ERROR)


class LineParser(ArgumentParser):
    """A parser of command lines that raises the message of a mistake, with the usage."""

    def error(self, message: str) -> NoReturn:
        """Raise the message of a mistake.

        Raises:
            ConfigurationError: always, with the message and the usage.
        """
        raise ConfigurationError(f"{message} ({self.format_usage().strip()})")


def print_error(error: Exception) -> None:
    """Print `error: <message>` to stderr."""
    print(f"error: {error}", file=sys.stderr)


def is_interrupt(error: BaseException | None) -> bool:
    """Return whether Ctrl-C caused an exception.

    Lightning turns it into a SystemExit, and torch into another error while it writes a file.
    """
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__context__
    return error is not None


def _stdout_is_closed() -> bool:
    """Return whether the closed pipe is stdout, not a pipe to another process."""
    try:
        print(flush=True)
    except BrokenPipeError:
        return True
    return False
