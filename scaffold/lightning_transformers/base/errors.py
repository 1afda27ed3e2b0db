"""The error of a mistake that the user can correct, and the words for it."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from textwrap import shorten

NO_DATASET = (
    "no dataset: give dataset.train_file=<csv, json, jsonl, parquet or txt> and "
    "dataset.validation_file=<file> (to evaluate, that or dataset.test_file alone), or "
    "dataset.dataset_name=<id on the hub>, or dataset.dataset_name=sample (needs no network)"
)
SIMILARITY = 0.72
"""How alike two names are, as difflib has it, if one may be a slip for the other."""
MIN_PREFIX_CHARS = 3
"""Letters of a beginning that says what was meant."""
LIST_CHARS = 90
"""Letters of a list in a message."""


class ConfigurationError(ValueError):
    """What was asked for cannot work; the message names the fact, the value and the next step."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ` (did you mean 'x'?)` for the nearest of `known`, else what a line holds of them."""
    names = sorted(known)
    return suggestion(name, names) or (f" (known: {joined(names)})" if names else "")


def suggestion(name: str, known: Iterable[str], cutoff: float = SIMILARITY) -> str:
    """Return ` (did you mean 'x'?)` for the nearest of `known`, or nothing if none is near."""
    near = [f"'{other}'" for other in nearest(name, sorted(known), cutoff)]
    return f" (did you mean {joined(near, ' or ')}?)" if near else ""


def nearest(name: str, known: Sequence[str], cutoff: float = SIMILARITY) -> list[str]:
    """Return the one of `known` that is spelled most alike, if it is near.

    Of options such as `nlp/gpt2` the last part counts as well; several may have it in common.
    """
    last = {other: other.rpartition("/")[2] for other in known}
    if same := [other for other in known if last[other] == name]:
        return same
    begun = [other for other in known if len(name) >= MIN_PREFIX_CHARS and other.startswith(name)]
    if near := get_close_matches(name, known, 1, cutoff) or get_close_matches(name, begun, 1, 0):
        return near
    part = get_close_matches(name, last.values(), 1, cutoff)
    return [other for other in known if last[other] in part]


def joined(names: Iterable[str], separator: str = ", ") -> str:
    """Return the names with a separator between them, cut to a line."""
    return shorten(separator.join(names), LIST_CHARS, placeholder=" …")


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message, or its type if it has none."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
