"""Read json files: an object per line, or one document."""

import json
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from typing import Any, TextIO

import pyarrow as pa
from pyarrow import json as arrow_json

from lightning_transformers.base.types import Row
from lightning_transformers.data.reading.dialect import ReadOptions, open_text
from lightning_transformers.data.reading.report import Report
from lightning_transformers.data.reading.rows import BLOCK_CHARS, BLOCK_ROWS, LINE, typed_table
from lightning_transformers.data.reading.sources import Source

WRAPPERS = ("data", "rows", "examples", "records", "items")
"""Keys of a document that may contain its rows."""
DECODER = json.JSONDecoder(parse_constant=lambda _: None)
"""NaN and Infinity, which Python writes though JSON has no such values, are missing values."""


def read_json(source: Source, options: ReadOptions, report: Report) -> Iterator[pa.Table]:
    """Yield the rows of a file as tables, with their lines or numbers in `LINE`.

    Args:
        source: a json, jsonl or ndjson file.
        options: its encoding, if known.
        report: notes lines that are malformed, or neither an object nor a text.

    Raises:
        JSONDecodeError: for a malformed document.
    """
    with open_text(source, options, report) as stream:
        first = list(islice((line for line in stream if not line.isspace()), 2))
    if not first:
        return
    has_lines = len(first) == 2 and not first[0].lstrip().startswith("[")
    if has_lines and source.suffix == ".json":  # or else a document, with line breaks
        has_lines = any(map(is_object, first))
    with open_text(source, options, report) as stream:
        if has_lines:
            yield from lines_of(stream, report)
        else:
            rows = rows_of(DECODER.decode(stream.read()))
            for start in range(0, len(rows), BLOCK_ROWS):
                yield table_of(rows[start : start + BLOCK_ROWS], start + 1, report)


def lines_of(stream: TextIO, report: Report) -> Iterator[pa.Table]:
    """Yield the objects on the lines of a file as tables with `LINE`."""
    number, schema = 1, pa.schema([])
    while lines := stream.readlines(BLOCK_CHARS):
        table = regular_table(lines, schema, number)
        if table is None:
            table = table_of(map(decoded, lines), number, report)
            schema = table.drop_columns(LINE).schema
        yield table
        number += len(lines)


def regular_table(lines: list[str], schema: pa.Schema, number: int) -> pa.Table | None:
    """Return objects by the parser of Arrow, which is fast, or None unless all fit a schema.

    Args:
        lines: an object each.
        schema: the columns and types; an empty one fits none.
        number: number of the first line, for `LINE`.
    """
    text = "".join(lines)
    if not schema or "NaN" in text or "Infinity" in text:
        return None
    options = arrow_json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="error")
    try:
        table = arrow_json.read_json(pa.BufferReader(text.encode()), parse_options=options)
    except (pa.ArrowInvalid, UnicodeEncodeError):
        return None
    if len(table) != len(lines):  # blank lines
        return None
    return table.append_column(LINE, pa.array(range(number, number + len(lines)), pa.int64()))


def decoded(line: str) -> Any:
    """Return the value on a line, the error for a malformed one, or None for a blank one."""
    text = line.strip()
    try:
        value, end = DECODER.raw_decode(text)
        value = value if end == len(text) else DECODER.decode(text)
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode()
        return value
    except UnicodeEncodeError:  # a text that was cut within an emoji
        return json.JSONDecodeError("half of a surrogate pair", text, 0)
    except json.JSONDecodeError as error:
        return error if text else None


def table_of(values: Any, number: int, report: Report) -> pa.Table:
    """Return rows as a table; a text is a row with the column `text`.

    Args:
        values: rows, texts, the errors of malformed lines, and None for blank lines, which are
            skipped.
        number: line or number of the first.
        report: notes errors and other values; they are dropped, or empty rows to fill.
    """
    rows: list[Row] = []
    lines = []
    for line, value in enumerate(values, start=number):
        match value:
            case None:
                continue
            case str():
                value = {"text": value}
            case dict():
                pass
            case _:
                is_error = isinstance(value, json.JSONDecodeError)
                shown = value.doc if is_error else json.dumps(value)
                reason = f"is not JSON ({value.msg})" if is_error else "is not an object"
                report.reject(line, f"{reason}: {shown.strip()[:40]}")
                if report.on_bad_row != "fill":
                    continue
                value = {}
        rows.append(value)
        lines.append(line)
    return typed_table(rows, lines)


def is_object(line: str) -> bool:
    """Return whether a line is an object in JSON."""
    with suppress(json.JSONDecodeError):
        return isinstance(DECODER.decode(line), dict)
    return False


def rows_of(document: Any) -> list[Any]:
    """Return the rows of a document: a list, one in an object, or a data frame of pandas."""
    if isinstance(document, list):
        return document
    if not isinstance(document, dict):
        return [document]
    if {"columns", "data"} <= document.keys():  # to_json(orient="split")
        return [dict(zip(document["columns"], row, strict=True)) for row in document["data"]]
    for key in WRAPPERS:
        inner = document.get(key)
        if isinstance(inner, list) and inner and all(isinstance(row, dict) for row in inner):
            return inner
    parts = list(document.values())
    if not parts or not all(isinstance(part, dict) and part for part in parts):
        return [document]
    index = list(parts[0])
    if any(list(part) != index for part in parts):
        return [document]
    are_columns, are_rows = (all(map(str.isdecimal, keys)) for keys in (index, document))
    if not are_columns and not are_rows and len(parts) > 1:  # rows with names, mostly the more
        are_columns, are_rows = len(index) >= len(parts), len(index) > 1
    if are_columns:  # to_json()
        return [{name: part[key] for name, part in document.items()} for key in index]
    return parts if are_rows else [document]  # to_json(orient="index")
