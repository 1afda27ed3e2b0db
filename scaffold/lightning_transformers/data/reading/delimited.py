"""Read csv and tsv files: all cells are text, an empty one is missing."""

import csv
import sys
from _csv import Reader
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.data.reading.dialect import (
    SEPARATOR_LINE,
    UTF8,
    ReadOptions,
    guess_delimiter,
    open_text,
)
from lightning_transformers.data.reading.report import Report
from lightning_transformers.data.reading.rows import (
    BLOCK_CHARS,
    BLOCK_ROWS,
    LINE,
    text_table,
)
from lightning_transformers.data.reading.sources import Source

END = "\0end"
"""An additional last line: within another row, it shows a quote that is not closed."""
Cells = list[str]
Dialect = dict[str, Any]
"""Arguments of `csv.reader`."""


def read_delimited(source: Source, options: ReadOptions, report: Report) -> Iterator[pa.Table]:
    """Yield the rows of a file with a header as tables of texts and `LINE`.

    Empty fields and those that a row lacks at its end are null. A blank line within a file of one
    column is an empty field; other blank lines are skipped.

    Args:
        source: a csv or tsv file.
        options: its encoding and delimiter, where known.
        report: notes guesses, and rows with more fields than the header.

    Raises:
        ConfigurationError: for a quote that is not closed.
    """
    dialect = guess_delimiter(source, options, report)
    done, ends_in_break = 0, False
    try:
        for table in regular_tables(source, options, report, dialect):
            yield table
            done += len(table)
            ends_in_break = "\n" in (table.column(table.num_columns - 2)[-1].as_py() or "")
        if done and not ends_in_break:  # Arrow closes a quote at the end of the file
            return
    except (pa.ArrowInvalid, UnicodeDecodeError, LookupError):
        pass
    for table in irregular_tables(source, options, report, dialect):
        if done < len(table):
            yield table.slice(done)
        done = max(0, done - len(table))


def regular_tables(
    source: Source, options: ReadOptions, report: Report, dialect: Dialect
) -> Iterator[pa.Table]:
    """Yield rows by the parser of Arrow, which is fast.

    Raises:
        ArrowInvalid: for a row with more or fewer fields than the header, or without content.
    """
    with open_text(source, options, report, newline="") as stream:
        reader = csv.reader(stream, **dialect)
        names = column_names(header_of(reader))
        encoding, line = stream.encoding, reader.line_num
    if not names:
        return
    quotes = dialect.get("quoting") != csv.QUOTE_NONE
    with source.open() as content:
        batches = arrow_csv.open_csv(
            content,
            arrow_csv.ReadOptions(
                block_size=BLOCK_CHARS,
                skip_rows=line,
                column_names=names,
                encoding="utf8" if encoding == UTF8 else encoding,
            ),
            arrow_csv.ParseOptions(
                delimiter=dialect["delimiter"],
                quote_char='"' if quotes else False,
                newlines_in_values=quotes,
                ignore_empty_lines=False,
            ),
            arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                null_values=[""],
                strings_can_be_null=True,
            ),
        )
        for batch in batches:
            table = pa.Table.from_batches([batch])
            if has_blank(table):
                raise pa.ArrowInvalid("perhaps a blank line")
            if len(table):
                breaks = (pc.count_substring(column, "\n").fill_null(0) for column in table)
                heights = 1 + sum(column.to_numpy() for column in breaks)
                starts = line + 1 + heights.cumsum() - heights
                line += int(heights.sum())
                yield table.append_column(LINE, pa.array(starts, pa.int64()))


def irregular_tables(
    source: Source, options: ReadOptions, report: Report, dialect: Dialect
) -> Iterator[pa.Table]:
    """Yield rows by the parser of Python, with the exact line of each row in `LINE`.

    Raises:
        ConfigurationError: for a quote that is not closed.
    """
    csv.field_size_limit(sys.maxsize)  # the default fails on texts of more than 131,072 characters
    with open_text(source, options, report, newline="") as stream:
        reader = csv.reader(chain(stream, [END]), **dialect)
        header = header_of(reader)
        names = column_names(header)
        numbered = numbered_rows(reader, header, source.name)
        remedy = "quote texts that contain commas"
        if len(names) == 1 and dialect["delimiter"] == ",":
            remedy += """, or set 'dataset.delimiter=";"'"""
        while block := [*islice(numbered, BLOCK_ROWS)]:
            rows, lines = [row for row, _ in block], [line for _, line in block]
            rows, lines = fitting(rows, lines, len(names), report, remedy)
            if rows:
                table = text_table(dict(zip(names, zip(*rows, strict=True), strict=True)), lines)
                yield with_missing(table)


def numbered_rows(reader: Reader, header: Cells, name: str) -> Iterator[tuple[Cells, int]]:
    """Yield the rows after the header, each with the line at which it begins.

    Args:
        reader: the result of `csv.reader` for lines that `END` follows, after the header.
        header: the header.
        name: the name of the file, for the error message.

    Raises:
        ConfigurationError: for a quote that is not closed.
    """
    row, before = header, reader.line_num
    blank: list[tuple[Cells, int]] = []
    for row in reader:
        line, before = before + 1, reader.line_num
        if is_blank(row):
            if len(header) == 1:
                blank.append(([""], line))
        elif row != [END]:
            yield from blank
            blank.clear()
            yield row, line
    if row != [END]:
        text = row[-1].removesuffix(END)
        raise ConfigurationError(
            f"'{name}' has a quote that is not closed ({text[:30]!r} …): close it, "
            "or double each quote within a text"
        )


def fitting(
    rows: list[Cells], lines: list[int], width: int, report: Report, remedy: str
) -> tuple[list[Cells], list[int]]:
    """Return rows of one width and their lines.

    Args:
        rows: the rows; a shorter one is filled up with empty cells.
        lines: the line of each row.
        width: the number of columns.
        report: notes rows with more cells; they are dropped, or emptied if `on_bad_row` is `fill`.
        remedy: what to do about these, for the message.
    """
    if set(map(len, rows)) == {width}:
        return rows, lines
    kept, places = [], []
    for row, line in zip(rows, lines, strict=True):
        if any(row[width:]):
            report.reject(
                line,
                f"has {len(row)} fields, more fields than its header ({width}): {remedy}",
            )
            if report.on_bad_row != "fill":
                continue
            row = []
        kept.append((row + [""] * width)[:width])
        places.append(line)
    return kept, places


def header_of(rows: Iterable[Cells]) -> Cells:
    """Return the first row with names, which may follow Excel's `sep=;`; [] without one."""
    present = (row for row in rows if not is_blank(row))
    return next((row for row in present if not SEPARATOR_LINE.fullmatch("".join(row))), [])


def has_blank(table: pa.Table) -> bool:
    """Return whether a row of a table has no text, apart from spaces in a single column."""
    columns = [column.fill_null("") for column in table]
    blank = pc.equal(columns[0], "")
    for column in columns[1:]:
        blank = pc.and_(blank, pc.equal(column, ""))
    spaces = pc.utf8_is_space(columns[0]) if len(columns) == 1 else blank
    return bool(pc.any(pc.or_(blank, spaces)).as_py())


def is_blank(row: Cells) -> bool:
    """Return whether a row is a line without text; one empty cell in quotes is a row."""
    return not row or (len(row) == 1 and row[0].isspace())


def column_names(header: Cells) -> list[str]:
    """Return unique names of the columns, numbered as pandas does where there is none."""
    names: list[str] = []
    for number, cell in enumerate(header):
        name = cell.strip() or f"Unnamed: {number}"
        repeated = (f"{name}.{count}" for count in range(1, len(header)))
        names.append(name if name not in names else next(n for n in repeated if n not in names))
    return names


def with_missing(table: pa.Table) -> pa.Table:
    """Return a table in which empty texts are missing values."""
    for number, name in enumerate(table.column_names):
        if name != LINE:
            column = table.column(number)
            column = pc.if_else(pc.equal(column, ""), None, column)
            table = table.set_column(number, name, column)
    return table
