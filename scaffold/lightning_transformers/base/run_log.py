"""Lines about a run, for its log file and the console."""

import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

LOG = logging.getLogger("lightning_transformers.run")
LAYOUT = "[%(asctime)s][%(name)s][%(levelname)s] - %(message)s"
"""Of a line in a log file, as Hydra writes it."""


def log_detail(text: str, *values: object) -> None:
    """Log a line of progress: on a terminal to the log file only, since a bar shows the progress.

    Args:
        text: the line, with `%` placeholders.
        values: the values of the placeholders.
    """
    LOG.info(text, *values, extra={"file_only": sys.stdout.isatty()})


def report(line: str) -> None:
    """Print a line, and write it to the log file."""
    print(line, flush=True)
    log_for_file(logging.INFO, line)


def log_for_file(level: int, line: str, error: BaseException | None = None) -> None:
    """Write a line that the console shows anyway to the log file.

    Args:
        level: the level of the record.
        line: the line.
        error: an exception whose traceback follows.
    """
    if LOG.hasHandlers():  # else Python prints errors to stderr
        LOG.log(level, "%s", line, exc_info=error, extra={"file_only": True})


@contextmanager
def log_failure() -> Iterator[None]:
    """Write the traceback of an error in the block, or decorated function, to the log file."""
    try:
        yield
    except Exception as error:
        log_for_file(logging.ERROR, f"{type(error).__name__}: {error}", error)
        raise


@contextmanager
def logged_to(file: Path) -> Iterator[None]:
    """Write the log of the block to a file, where no Hydra job does, and warnings to stderr."""
    file.parent.mkdir(parents=True, exist_ok=True)
    course, console = logging.FileHandler(file), logging.StreamHandler()
    course.setFormatter(logging.Formatter(LAYOUT))
    console.setLevel(logging.WARNING)
    console.addFilter(is_for_console)
    root, level = logging.root, logging.root.level
    root.setLevel(logging.INFO)
    for handler in (course, console):
        root.addHandler(handler)
    try:
        yield
    finally:
        root.setLevel(level)
        for handler in (course, console):
            root.removeHandler(handler)
            handler.close()


def is_for_console(record: logging.LogRecord) -> bool:
    """Filter of console handlers: return False for a record of the log file only."""
    return not getattr(record, "file_only", False)


def in_one_line(metrics: Mapping[str, Any]) -> str:
    """Return metrics, each a scalar, as one line with four significant digits."""
    return ", ".join(f"{name} {float(value):.4g}" for name, value in metrics.items())
