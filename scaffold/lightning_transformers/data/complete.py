"""Rows without a text or a label that a task requires: an error, dropped, or filled."""

import logging
from collections.abc import Callable, Mapping
from typing import Any

import pyarrow as pa
from datasets import Dataset, Json

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.data.reading.report import Report
from lightning_transformers.data.reading.rows import fitted

Check = Callable[[Any], str | None]
"""Returns the fault of a value of a column, or None."""
Place = tuple[int, int]
"""A file and a line in it."""

TEXTS = "__texts__"
"""Column of texts that replace those of another."""

log = logging.getLogger(__name__)


def not_a_text(value: Any) -> str | None:
    """Return the fault of a list or a mapping, else None; a missing text has no fault."""
    return "a structure, not text," if isinstance(value, list | dict) else None


def missing_text(value: Any) -> str | None:
    """Return the fault of a missing text, a list or a mapping, else None."""
    return "no text" if value is None else not_a_text(value)


def missing_value(value: Any) -> str | None:
    """Return the fault of a missing value, a list or a mapping, else None."""
    if value is None:
        return "no value"
    return "a structure, not a single value," if isinstance(value, list | dict) else None


TEXT_CHECKS: tuple[Check, ...] = (not_a_text, missing_text)
"""Checks of values that can be filled."""
VALUE_CHECKS: tuple[Check, ...] = (*TEXT_CHECKS, missing_value)
"""Checks that only missing values and columns of several types fail."""


def bad_rows(rows: Dataset, checks: Mapping[str, Check]) -> dict[int, str]:
    """Return the reason of each bad row by its index, in order.

    Args:
        rows: the rows; columns that they lack, or in which no text or label passes, are not
            checked: the task reports them as a whole.
        checks: check by column.
    """
    found: dict[int, str] = {}
    for name, check in checks.items():
        if name not in rows.column_names or not may_fail(rows, name, check):
            continue
        checks_all = check not in VALUE_CHECKS or isinstance(rows.features[name], Json)
        wrong = {
            number: reason
            for number, value in enumerate(rows[name])
            if (value is None or checks_all) and (reason := check(value))
        }
        if len(wrong) < len(rows) or check not in VALUE_CHECKS:
            found = {n: f"has {reason} in column '{name}'" for n, reason in wrong.items()} | found
    return dict(sorted(found.items()))


def may_fail(rows: Dataset, name: str, check: Check) -> bool:
    """Return whether a value of a column may fail a check."""
    is_mixed = isinstance(rows.features[name], Json)
    return check not in VALUE_CHECKS or is_mixed or rows.data.column(name).null_count > 0


def complete_rows(
    rows: Dataset, checks: Mapping[str, Check], report: Report, places: Mapping[int, Place]
) -> Dataset:
    """Return rows without bad ones, or with empty texts in these, and log the bad rows.

    Columns of several types then have texts only, see `with_texts`.

    Args:
        rows: the rows.
        checks: check by column, see `bad_rows`.
        report: notes bad rows; its `on_bad_row` decides what happens to them. To fill other columns
            than those of `TEXT_CHECKS` is an error.
        places: file and line of each bad row by its index.

    Raises:
        ConfigurationError: if bad rows are an error, or no others are left.
    """
    bad = bad_rows(rows, checks)
    if report.on_bad_row == "fill":
        values = {name: check for name, check in checks.items() if check not in TEXT_CHECKS}
        if incomplete := bad_rows(rows, values):
            bad, report.on_bad_row = incomplete, "error"
    for number, reason in bad.items():
        report.file, line = places[number]
        report.reject(line, reason)
    report.raise_if_rejected()
    for message in report.summary():
        log.info("%s", message)
    if report.on_bad_row == "drop":
        if len(bad) == len(rows):
            raise ConfigurationError(f"no complete row is left: {report.places()}: correct them")
        rows = rows.select([number for number in range(len(rows)) if number not in bad])
    return with_texts(rows, checks, report.on_bad_row == "fill")


def with_texts(rows: Dataset, checks: Mapping[str, Check], fill: bool) -> Dataset:
    """Return rows whose columns of several types have texts only, as in a csv.

    Args:
        rows: the rows.
        checks: check by column, see `bad_rows`.
        fill: replace values that do not pass, and missing texts, by an empty text.
    """
    names = rows.column_names
    for name in [name for name in names if checks.get(name) in VALUE_CHECKS]:
        passing = [None if checks[name](value) else value for value in rows[name]]
        if not may_fail(rows, name, checks[name]) or all(value is None for value in passing):
            continue
        texts = [fitted(value, pa.string()) for value in passing]
        if fill and checks[name] in TEXT_CHECKS:
            texts = [text or "" for text in texts]
        elif not isinstance(rows.features[name], Json):
            continue
        rows = rows.add_column(TEXTS, texts).remove_columns(name).rename_column(TEXTS, name)
        rows = rows.select_columns(names)
    return rows
