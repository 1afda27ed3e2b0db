"""Tracebacks that show the user's code, with the frames of installed packages folded."""

import os
import sys
import sysconfig
import traceback
from collections.abc import Iterator
from itertools import dropwhile, groupby
from pathlib import Path
from types import TracebackType
from typing import Any

PACKAGE = Path(__file__).parents[1]
SITES = ("site-packages", "dist-packages")


def print_folded(
    kind: type[BaseException], error: BaseException, frames: TracebackType | None
) -> None:
    """Print an exception to stderr, a replacement of `sys.excepthook`."""
    print("".join(folded(error)), end="", file=sys.stderr)


def print_place_of_frames(log: Path) -> None:
    """Print which log has all frames, above the traceback, whose last line remains the error."""
    print(f"all frames of this error: {os.path.relpath(log)}", file=sys.stderr)


def folded(error: BaseException) -> Iterator[str]:
    """Yield the lines of a traceback, with frames of installed packages folded to a line.

    In full if no line of the user's code has raised the exception or one of its causes.
    """
    chain = [*chained(traceback.TracebackException.from_exception(error))]
    if any(package_of(frame) is None for each in chain for frame in within(each.stack)):
        for each in chain:
            each.stack = FoldedStack(within(each.stack, keeps_packages=True))
    yield from chain[0].format()


def chained(error: traceback.TracebackException) -> Iterator[traceback.TracebackException]:
    """Yield an exception and its causes."""
    yield error
    for cause in (error.__cause__, error.__context__):
        if cause is not None:
            yield from chained(cause)


def within(
    stack: traceback.StackSummary, keeps_packages: bool = False
) -> list[traceback.FrameSummary]:
    """Return the frames without those of the script that has called a package.

    Args:
        stack: all frames, the outermost first.
        keeps_packages: keep the frames of packages that the script has called.
    """
    called = [*dropwhile(lambda frame: package_of(frame) is None, stack)]
    if keeps_packages:
        return called or [*stack]
    return [frame for frame in called if package_of(frame) is None]


def package_of(frame: traceback.FrameSummary) -> str | None:
    """Return the name of the installed package of a frame, None for the user's code."""
    path = Path(frame.filename)
    if path.is_relative_to(PACKAGE):
        return PACKAGE.name
    for site in SITES:
        if site in path.parts:
            return path.parts[path.parts.index(site) + 1].removesuffix(".py")
    is_python = frame.filename.startswith(("<", sysconfig.get_path("stdlib") + os.sep))
    return "python" if is_python else None


class FoldedStack(traceback.StackSummary):
    """Frames of which those of installed packages are folded."""

    def format(self, **kwargs: Any) -> list[str]:
        """Return the lines of the user's frames, and a line for each group of other frames."""
        lines: list[str] = []
        for is_folded, group in groupby(self, lambda frame: package_of(frame) is not None):
            frames = [*group]
            if is_folded:
                names = ", ".join(dict.fromkeys(str(package_of(frame)) for frame in frames))
                plural = "s" if len(frames) > 1 else ""
                lines.append(f"  ... {len(frames)} frame{plural} of {names} ...\n")
            else:
                lines += traceback.StackSummary.from_list(frames).format(**kwargs)
        return lines
