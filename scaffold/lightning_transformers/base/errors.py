"""The error for mistakes that the user can correct, and helpers for its message."""

import errno
import os
from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from textwrap import shorten

NO_DATASET = (
    "no dataset: give dataset.train_file=<csv, tsv, json, jsonl, parquet, txt or conll> and "
    "dataset.validation_file=<file> (to evaluate, that or dataset.test_file alone), or "
    "dataset.dataset_name=<id on the hub>, or dataset.dataset_name=sample (needs no network)"
)
SIMILARITY = 0.72
"""Similarity, as `difflib` measures it, from which a name counts as a misspelling of another."""
MIN_PREFIX_CHARS = 3
"""Length from which a prefix identifies a name."""
LIST_CHARS = 90
"""Length at which a list in a message is cut."""


class ConfigurationError(ValueError):
    """A mistake of the user; the message states the fact, the value and the fix in one line."""


class NoTextError(ConfigurationError):
    """There is no text in rows that should have some."""


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and, one after the other, the errors that led to it."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return the end of a message about an unknown name, empty if there are no known ones.

    It is ` (did you mean 'x'?)` for the nearest of `known`, or else ` (known: …)`.
    """
    names = sorted(known)
    return suggestion(name, names) or (f" (known: {joined(names)})" if names else "")


def suggestion(name: str, known: Iterable[str], cutoff: float = SIMILARITY) -> str:
    """Return ` (did you mean 'x'?)` for the nearest of `known`, or an empty string.

    Args:
        name: a possibly misspelled name.
        known: valid names.
        cutoff: minimal similarity, 0 to 1.
    """
    near = [f"'{other}'" for other in nearest(name, sorted(known), cutoff)]
    return f" (did you mean {joined(near, ' or ')}?)" if near else ""


def nearest(name: str, known: Sequence[str], cutoff: float = SIMILARITY) -> list[str]:
    """Return the valid names that a misspelled name probably means, or an empty list.

    Args:
        name: a possibly misspelled name.
        known: valid names. The last part of an option such as `nlp/gpt2` is compared as well; all
            options that share it are returned.
        cutoff: minimal similarity, 0 to 1.
    """
    last = {other: other.rpartition("/")[2] for other in known}
    if same := [other for other in known if last[other] == name]:
        return same
    begun = [other for other in known if len(name) >= MIN_PREFIX_CHARS and other.startswith(name)]
    if near := get_close_matches(name, known, 1, cutoff) or get_close_matches(name, begun, 1, 0):
        return near
    part = get_close_matches(name, last.values(), 1, cutoff)
    return [other for other in known if last[other] in part]


def quoted(name: str) -> str:
    """Return a name, in quotes if it begins or ends with a space, which would not be seen."""
    return repr(name) if name != name.strip() else name


def joined(names: Iterable[str], separator: str = ", ") -> str:
    """Join names, see `quoted`, and cut the result to `LIST_CHARS` characters."""
    return shorten(separator.join(map(quoted, names)), LIST_CHARS, placeholder=" …")


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message, or its type if the message is empty."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def disk_full(error: BaseException | None, file: str | None = None) -> str | None:
    """Return the message for a full disk or quota among the causes of an error, or None.

    Args:
        error: the error.
        file: the file, if the error does not name it.
    """
    for cause in causes(error):
        if isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT):
            name = cause.filename or file
            return (
                f"cannot write {repr(name) if name else 'a file'}: {os.strerror(cause.errno)}; "
                "free space, and continue with resume=auto"
            )
    return None
