"""Lines about a run, for its log file and the console."""

import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

LOG = logging.getLogger("lightning_transformers.run")
LAYOUT = "[%(asctime)s][%(name)s][%(levelname)s] - %(message)s"
"""That of Hydra's log files."""


@contextmanager
def logs_to(file: Path) -> Iterator[None]:
    """Write the log to a file, too, and warnings to stderr, for a command without Hydra.

    Args:
        file: the log file, which is created with its folder.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    console = logging.StreamHandler()
    console.setLevel(logging.WARNING)
    console.addFilter(is_for_console)
    handlers = (logging.FileHandler(file, encoding="utf-8"), console)
    root, level = logging.root, logging.root.level
    root.setLevel(logging.INFO)
    for handler in handlers:
        handler.setFormatter(logging.Formatter(LAYOUT))
        root.addHandler(handler)
    try:
        yield
    finally:
        root.setLevel(level)
        for handler in handlers:
            root.removeHandler(handler)
            handler.close()


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


def is_for_console(record: logging.LogRecord) -> bool:
    """Filter of console handlers: return False for a record of the log file only."""
    return not getattr(record, "file_only", False)


def in_one_line(metrics: Mapping[str, Any]) -> str:
    """Return metrics, each a scalar, as one line with four significant digits."""
    return ", ".join(f"{name} {float(value):.4g}" for name, value in metrics.items())
