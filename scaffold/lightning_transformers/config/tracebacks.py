"""Tracebacks that show the user's code, with the frames of installed packages folded."""

import os
import re
import sys
import sysconfig
import traceback
from collections.abc import Callable, Iterable, Iterator
from itertools import dropwhile, groupby
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

Frame = TypeVar("Frame")

PACKAGE = Path(__file__).parents[1]
SITES = ("site-packages", "dist-packages")
WITHIN_MESSAGE = "Original Traceback (most recent call last):"
"""A line in the message of an error of a dataloader process."""
FRAME = re.compile(r'  File "(.+)", line \d+, in .+\n(?:    .*\n)*')
"""A frame in a traceback, with its code."""
FRAMES = re.compile(f"(?:{FRAME.pattern})+")


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

    In full if no line of the user's code has raised the exception or one of its causes. The message
    of an error of a dataloader process contains its traceback, which is folded, too.
    """
    message = str(error).rstrip()
    if WITHIN_MESSAGE in message and (inner := folded_text(message)):
        whole = traceback.TracebackException(type(error), Exception(inner), error.__traceback__)
        whole.stack = FoldedStack(within(whole.stack, keeps_packages=True))
        yield from whole.format()
        return
    chain = [*chained(traceback.TracebackException.from_exception(error))]
    if any(package_of(frame.filename) is None for each in chain for frame in within(each.stack)):
        for each in chain:
            each.stack = FoldedStack(within(each.stack, keeps_packages=True))
    yield from chain[0].format()


def described(error: BaseException) -> str:
    """Return type and message of an error in one line; of a dataloader process, its own error's."""
    message = str(error)
    text = f"{type(error).__name__}: {message}"
    if WITHIN_MESSAGE in message:
        *_, last = FRAME.finditer(message)
        text = message[last.end() :]
    return " ".join(text.split())


def folded_text(text: str) -> str | None:
    """Return a text with tracebacks in it folded, None if no frame in it is the user's code."""
    if all(package_of(frame[1]) for frame in FRAME.finditer(text)):
        return None
    return FRAMES.sub(
        lambda found: "".join(
            fold(
                FRAME.finditer(found[0]),
                lambda frame: package_of(frame[1]),
                lambda frames: [frame[0] for frame in frames],
            )
        ),
        text,
    )


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
    called = [*dropwhile(lambda frame: package_of(frame.filename) is None, stack)]
    if keeps_packages:
        return called or [*stack]
    return [frame for frame in called if package_of(frame.filename) is None]


def package_of(file: str) -> str | None:
    """Return the name of the installed package that a file belongs to, None for the user's code."""
    path = Path(file)
    if path.is_relative_to(PACKAGE):
        return PACKAGE.name
    for site in SITES:
        if site in path.parts:
            return path.parts[path.parts.index(site) + 1].removesuffix(".py")
    is_python = file.startswith(("<", sysconfig.get_path("stdlib") + os.sep))
    return "python" if is_python else None


class FoldedStack(traceback.StackSummary):
    """Frames of which those of installed packages are folded."""

    def format(self, **kwargs: Any) -> list[str]:
        """Return the lines of the user's frames, and a line for each group of other frames."""
        return fold(
            self,
            lambda frame: package_of(frame.filename),
            lambda frames: traceback.StackSummary.from_list(frames).format(**kwargs),
        )


def fold(
    frames: Iterable[Frame],
    package: Callable[[Frame], str | None],
    show: Callable[[list[Frame]], list[str]],
) -> list[str]:
    """Return the lines of the user's frames, and a line for each group of other frames.

    Args:
        frames: the frames, the outermost first.
        package: returns the package of a frame, None for the user's code.
        show: returns the lines of frames.
    """
    lines: list[str] = []
    for is_folded, group in groupby(frames, lambda frame: package(frame) is not None):
        members = [*group]
        if is_folded:
            names = ", ".join(dict.fromkeys(str(package(frame)) for frame in members))
            plural = "s" if len(members) > 1 else ""
            lines.append(f"  ... {len(members)} frame{plural} of {names} ...\n")
        else:
            lines += show(members)
    return lines
