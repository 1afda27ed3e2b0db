"""Rows without a text or a label that a task requires: an error, dropped, or filled."""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pyarrow as pa
from datasets import Dataset, Features, IterableDataset, Json

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.data.loading import all_columns
from lightning_transformers.data.reading.reader import names_of, places_of
from lightning_transformers.data.reading.report import OnBadRow, Report
from lightning_transformers.data.reading.rows import FILE, LINE, fitted

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
    split: str, rows: Dataset, checks: Mapping[str, Check], on_bad_row: OnBadRow
) -> Dataset:
    """Return rows without bad ones, or with empty texts in these, and log the bad rows.

    Columns of several types then have texts only, see `with_texts`.

    Args:
        split: its name, for messages.
        rows: the rows.
        checks: check by column, see `bad_rows`.
        on_bad_row: what to do; to fill other columns than those of `TEXT_CHECKS` is an error.

    Raises:
        ConfigurationError: if bad rows are an error, or no others are left.
    """
    if not (bad := bad_rows(rows, checks)):
        return rows
    if on_bad_row == "fill":
        values = {name: check for name, check in checks.items() if check not in TEXT_CHECKS}
        if incomplete := bad_rows(rows, values):
            bad, on_bad_row = incomplete, "error"
    report, places = report_of(split, rows, [*bad], on_bad_row)
    for (report.file, line), reason in zip(places, bad.values(), strict=True):
        report.reject(line, reason)
    report.raise_if_rejected()
    for message in report.summary():
        log.info("%s", message)
    if on_bad_row == "drop":
        if len(bad) == len(rows):
            raise ConfigurationError(f"no complete row is left: {report.places()}: correct them")
        rows = rows.select([number for number in range(len(rows)) if number not in bad])
    return with_texts(rows, checks, on_bad_row == "fill")


def report_of(
    split: str, rows: Dataset, numbers: Sequence[int], on_bad_row: OnBadRow = "error"
) -> tuple[Report, Sequence[Place]]:
    """Return a report for some rows, and their places, by file and line or else by number."""
    if (places := places_of(rows, numbers)) is not None:
        return Report(names_of(rows), on_bad_row), places
    return Report([f"{split} set"], on_bad_row, "row"), [(0, number + 1) for number in numbers]


def located(
    error: ConfigurationError,
    split: str,
    rows: Dataset,
    function: Callable[[Any], object],
    rows_at_once: int,
) -> ConfigurationError:
    """Return an error of a function on rows, with the place of the first row that causes it.

    Args:
        error: the error.
        split: name of the split.
        rows: the rows.
        function: takes columns.
        rows_at_once: number of rows with which it was called.
    """

    def cause(start: int, end: int) -> ConfigurationError | None:
        try:
            function(rows[start:end])
        except ConfigurationError as found:
            return found
        return None

    for start in range(0, len(rows), rows_at_once):
        end = min(start + rows_at_once, len(rows))
        if cause(start, end) is None:
            continue
        for number in range(start, end):
            if found := cause(number, number + 1):
                report, [(file, line)] = report_of(split, rows, [number])
                return ConfigurationError(f"{report.place(file, line)}: {found}")
    return error


def complete_stream(
    split: str, rows: IterableDataset, checks: Mapping[str, Check], on_bad_row: OnBadRow
) -> IterableDataset:
    """Return a stream without bad rows, or with empty texts in these; see `complete_rows`.

    Raises:
        ConfigurationError: when it is read, for bad rows that are an error.
    """
    hidden = [name for name in all_columns(rows) if name in (FILE, LINE)]
    if not hidden and not checks:
        return rows
    names, unit = (names_of(rows), "line") if hidden else ([f"{split} set"], "row")
    features = rows.features and {k: v for k, v in rows.features.items() if k not in hidden}
    # Tables, since Python rows would lose their common type.
    checked = rows.with_format("arrow").map(
        StreamCheck(checks, Report(names, on_bad_row, unit), rows.features),
        batched=True,
        remove_columns=hidden,
        features=features and Features(features),
    )
    return checked.with_format(None)


class StreamCheck:
    """Drops or fills bad rows of a stream; logs their number whenever it is ten times the last.

    Args:
        checks: check by column.
        report: notes bad rows.

    Raises:
        ConfigurationError: for bad rows that are an error.
    """

    def __init__(
        self, checks: Mapping[str, Check], report: Report, features: Features | None
    ) -> None:
        self.checks, self.report, self.features = checks, report, features or {}
        self.seen = self.logged = 0
        self.places: set[Place] = set()
        """Places of bad rows, which each epoch meets again."""

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return the rows of a batch without bad ones, or with empty texts in these."""
        names = table.column_names
        files = table[FILE].to_pylist() if FILE in names else [0] * len(table)
        first = self.seen + 1
        lines = table[LINE].to_pylist() if LINE in names else range(first, first + len(table))
        places = list(zip(files, lines, strict=True))
        self.seen += len(table)
        report, bad, unfillable = self.report, dict[int, str](), dict[int, str]()
        for name in self.checks.keys() & {*names}:
            check = self.checks[name]
            types = Features({k: v for k, v in self.features.items() if k == name})
            values = types.decode_batch({name: table[name].to_pylist()})[name]
            faults = {
                number: fault for number, value in enumerate(values) if (fault := check(value))
            }
            found = bad if check in TEXT_CHECKS else unfillable
            found |= {n: f"has {fault} in column '{name}'" for n, fault in faults.items()}
            if faults and report.on_bad_row == "fill" and check in TEXT_CHECKS:
                filled = ["" if number in faults else v for number, v in enumerate(values)]
                encoded = types.encode_batch({name: filled})[name]
                field = table.schema.field(name)
                table = table.set_column(names.index(name), field, pa.array(encoded, field.type))
        if report.on_bad_row == "fill" and unfillable:
            report, bad = Report(report.names, "error", report.unit), {}
        bad = bad | unfillable
        for number, reason in sorted(bad.items()):
            if places[number] not in self.places:
                self.places.add(places[number])
                report.file, line = places[number]
                report.reject(line, reason)
        report.raise_if_rejected()
        if report.rejected >= max(1, 10 * self.logged):
            self.logged = report.rejected
            log.info("%s", report.losses()[-1])
        if report.on_bad_row != "drop" or not bad:
            return table
        return table.take([number for number in range(len(table)) if number not in bad])


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
