"""Rows without a text or a label that a task requires: an error, dropped, or filled."""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any

import pyarrow as pa
from datasets import Dataset, Features, IterableDataset, Json

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.base.types import Columns, Row
from lightning_transformers.data.loading import all_columns
from lightning_transformers.data.reading.reader import names_of, places_of
from lightning_transformers.data.reading.report import OnBadRow, Report
from lightning_transformers.data.reading.rows import FILE, LINE, fitted

Check = Callable[[Any], str | None]
"""Returns the fault of a value of a column, or None."""
Place = tuple[int, int]
"""A file and a line in it."""

ROW = "__row__"
"""Column of the indices of the rows of a table."""
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
    for start in range(0, len(rows), rows_at_once):
        if cause := first_cause(function, rows[start : start + rows_at_once]):
            number, found = cause
            report, [(file, line)] = report_of(split, rows, [start + number])
            return ConfigurationError(f"{report.place(file, line)}: {found}")
    return error


def first_cause(
    function: Callable[[Any], object], columns: Any
) -> tuple[int, ConfigurationError] | None:
    """Return the index of the first row with which a function fails alone, and its error.

    Args:
        function: takes columns.
        columns: rows, as columns or as a table.

    Returns:
        None if the function does not fail, or with no single row.
    """
    try:
        function(columns)
    except ConfigurationError as error:
        if (size := number_of_rows(columns)) == 1:
            return 0, error
        for number in range(size):
            if cause := first_cause(function, row_of(columns, number)):
                return number, cause[1]
    return None


def number_of_rows(columns: Any) -> int:
    """Return the number of rows in columns, or in a table."""
    return len(columns if isinstance(columns, pa.Table) else next(iter(columns.values()), ()))


def row_of(columns: Any, number: int) -> Any:
    """Return one row of columns, or of a table, in the same form."""
    if isinstance(columns, pa.Table):
        return columns.slice(number, 1)
    return {name: values[number : number + 1] for name, values in columns.items()}


def call_on_stream(
    columns: Any,
    *,
    function: Callable[[Any], object],
    split: str,
    raw: IterableDataset,
) -> object:
    """Return the result of a function on rows of a stream; an error names the place of its row.

    Args:
        columns: rows, as columns or as a table.
        function: takes them.
        split: name of the split.
        raw: the rows of the split as they were read, with `FILE` and `LINE` if these are known.
            They are read again after an error, until one has the values of the row.

    Raises:
        ConfigurationError: if the function does.
    """
    try:
        return function(columns)
    except ConfigurationError as error:
        if cause := first_cause(function, columns):
            row = row_of(columns, cause[0])
            values = row.to_pydict() if isinstance(row, pa.Table) else row
            if place := place_in_stream(split, raw, {k: part for k, (part,) in values.items()}):
                raise ConfigurationError(f"{place}: {cause[1]}") from error
        raise


def place_in_stream(split: str, raw: IterableDataset, row: Row) -> str | None:
    """Return the place of the first row of a stream that has the values of another, or None."""
    report = stream_report(split, raw)
    for number, other in enumerate(raw, 1):
        if row.items() <= other.items():
            return report.place(other.get(FILE, 0), other.get(LINE, number))
    return None


def stream_report(split: str, rows: IterableDataset, on_bad_row: OnBadRow = "error") -> Report:
    """Return a report for the rows of a stream, by file and line or else by number."""
    if FILE in all_columns(rows):
        return Report(names_of(rows), on_bad_row)
    return Report([f"{split} set"], on_bad_row, "row")


def complete_stream(
    split: str,
    rows: IterableDataset,
    checks: Mapping[str, Check],
    on_bad_row: OnBadRow,
    of_files: bool = True,
) -> IterableDataset:
    """Return a stream without bad rows, or with empty texts in these; see `complete_rows`.

    Args:
        split: its name, for messages.
        rows: the stream.
        checks: check by column, see `bad_rows`.
        on_bad_row: what to do.
        of_files: whether the rows are as they were read, not cleaned by a function.

    Raises:
        ConfigurationError: when it is read, for bad rows that are an error.
    """
    hidden = [name for name in all_columns(rows) if name in (FILE, LINE)]
    if not hidden and not checks:
        return rows
    features = rows.features and {k: v for k, v in rows.features.items() if k not in hidden}
    uniform = {name for name, check in checks.items() if is_uniform(rows, name, check)}
    check = StreamCheck(checks, uniform, stream_report(split, rows, on_bad_row))
    arguments: dict[str, Any] = {"batched": True, "remove_columns": hidden}
    arguments["features"] = features and Features(features)
    if not of_files or not rows.features:
        return rows.map(check, **arguments)
    # Tables, since Python rows would lose the types that the rows of a file have in common.
    check_table = partial(check.of_table, features=rows.features)
    return rows.with_format("arrow").map(check_table, **arguments).with_format(None)


def is_uniform(rows: IterableDataset, name: str, check: Check) -> bool:
    """Return whether only missing values of a column of a stream can fail a check.

    A value of another type than the column's is an error when it is read. If the types are unknown,
    lists may be labels; whether they are texts is checked.
    """
    feature = (rows.features or {}).get(name)
    is_known = feature is not None or check is missing_value
    return check in VALUE_CHECKS and is_known and not isinstance(feature, Json)


class StreamCheck:
    """Drops or fills bad rows of a stream; logs their number whenever it is ten times the last.

    Args:
        checks: check by column.
        uniform: columns of which only missing values can fail.
        report: notes bad rows.

    Raises:
        ConfigurationError: for bad rows that are an error.
    """

    def __init__(
        self, checks: Mapping[str, Check], uniform: Collection[str], report: Report
    ) -> None:
        self.checks, self.uniform, self.report = checks, uniform, report
        self.seen = self.logged = 0
        self.places: set[Place] = set()
        """Places of bad rows, which each epoch meets again."""

    def __call__(self, columns: Columns) -> Columns:
        """Return the columns of a batch without `FILE` and `LINE`, and without bad rows."""
        size = len(next(iter(columns.values()), ()))
        files = columns.get(FILE, [0] * size)
        lines = columns.get(LINE, range(self.seen + 1, self.seen + size + 1))
        places = list(zip(files, lines, strict=True))
        self.seen += size
        kept = {name: list(values) for name, values in columns.items() if name not in (FILE, LINE)}
        report, bad, unfillable = self.report, dict[int, str](), dict[int, str]()
        for name, check in self.checks.items():
            for number, value in enumerate(kept.get(name, ())):
                if (value is None or name not in self.uniform) and (fault := check(value)):
                    found = bad if check in TEXT_CHECKS else unfillable
                    found[number] = f"has {fault} in column '{name}'"
                    kept[name][number] = ""
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
            return kept
        return {k: [v for n, v in enumerate(values) if n not in bad] for k, values in kept.items()}

    def of_table(self, table: pa.Table, features: Features) -> pa.Table:
        """Return the rows of a table without bad ones, or with empty texts in these.

        Args:
            table: rows, of whose columns only those with checks become Python values.
            features: the types of the columns.
        """
        names = [n for n in table.column_names if n in {*self.checks, FILE, LINE}]
        columns = features.decode_batch(table.select(names).to_pydict())
        checked = dict(self({**columns, ROW: list(range(len(table)))}))
        table = table.take(checked.pop(ROW))
        for name in checked if self.report.on_bad_row == "fill" else ():
            texts = Features({name: features[name]}).encode_batch({name: checked[name]})[name]
            field, index = table.schema.field(name), table.column_names.index(name)
            table = table.set_column(index, field, pa.array(texts, field.type))
        return table


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
