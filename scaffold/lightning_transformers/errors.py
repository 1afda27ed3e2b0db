"""The error of a mistake that the user can correct, and the words for it."""

from collections.abc import Iterable
from difflib import get_close_matches

NO_DATASET = (
    "no dataset: give dataset.train_file=<csv, json, jsonl or txt> and "
    "dataset.validation_file=<file>, or dataset.dataset_name=<id on the hub>, or "
    "dataset.dataset_name=sample (needs no network)"
)


class ConfigurationError(ValueError):
    """What was asked for cannot work; the message names the fact, the value and the next step."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ` (did you mean 'x'?)` for the nearest of `known`, else all of them."""
    names = sorted(known)
    nearest = get_close_matches(name, names, n=1)
    if nearest:
        return f" (did you mean '{nearest[0]}'?)"
    return f" (known: {', '.join(names)})" if names else ""


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message, or its type if it has none."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
