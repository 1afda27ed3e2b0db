"""How a command ends that fails: one line on stderr, and an exit status.

A mistake of the user ends with status 2, Ctrl-C with 130, as in a shell. A reader that closes
stdout (`… | head -1`) ends the command silently, with the status of a process that SIGPIPE ended.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from lightning_transformers.config.error_messages import mistake_in
from lightning_transformers.config.launcher import is_rank_zero

MISTAKE = 2
INTERRUPTED = 130
CLOSED_PIPE = 141


@contextmanager
def exit_on_error(*, tracebacks: bool = False) -> Iterator[None]:
    """End the program at a mistake of the user, at Ctrl-C and at a closed pipe; raise other errors.

    Args:
        tracebacks: raise a mistake as well.
    """
    try:
        yield
        sys.stdout.flush()
    except BaseException as error:
        if is_interruption(error):
            if is_rank_zero():
                message = str(error) if isinstance(error, KeyboardInterrupt) else ""
                print(message or "interrupted", file=sys.stderr)
            sys.exit(INTERRUPTED)
        if isinstance(error, BrokenPipeError) and _stdout_is_closed():
            # Python flushes stdout once more when it exits.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(CLOSED_PIPE)
        mistake = None if tracebacks else mistake_in(error)
        if mistake is None:
            raise
        print_mistake(mistake)
        sys.exit(MISTAKE)


def print_mistake(mistake: Exception) -> None:
    """Print the one line about a mistake of the user."""
    print(f"error: {mistake}", file=sys.stderr)


def is_interruption(error: BaseException | None) -> bool:
    """Tell whether Ctrl-C is behind an error.

    Lightning turns it into an exit with status 1, and torch into another error where it is writing.
    """
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__context__
    return error is not None


def _stdout_is_closed() -> bool:
    """Tell whether stdout is the pipe that is closed, and not one to another process."""
    try:
        print(flush=True)
    except BrokenPipeError:
        return True
    return False
