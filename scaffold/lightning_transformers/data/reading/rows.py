"""Rows as Arrow tables: a type for each column, the same in all tables of a dataset."""

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa

LINE = "\1line"
"""Hidden column: the line of a file at which a row begins, or its number, from 1."""
FILE = "\1file"
"""Hidden column: the index of the file."""
BLOCK_CHARS = 1 << 23
BLOCK_ROWS = 10_000
"""Rows of a table, and characters of text that are read for one: they bound the memory."""
JSON = pa.json_()
MISFITS = (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError)


def text_table(columns: Mapping[str, Sequence[str | None]], lines: Sequence[int]) -> pa.Table:
    """Return a table of texts, with `LINE`.

    Args:
        columns: texts by column.
        lines: the line of each row.
    """
    arrays = {name: pa.array(values, pa.string()) for name, values in columns.items()}
    return pa.table(arrays | {LINE: pa.array(lines, pa.int64())})


def typed_table(rows: Sequence[Mapping[str, Any]], lines: Sequence[int]) -> pa.Table:
    """Return a table of values as JSON has them, with `LINE`: texts remain texts.

    Values of different types in a column get a type for all of them, see `merged`.

    Args:
        rows: values by column; a column may be missing in some of them.
        lines: the line of each row.
    """
    names = dict.fromkeys(chain.from_iterable(rows))
    columns = {name: _array([row.get(name) for row in rows]) for name in names}
    return pa.table(columns | {LINE: pa.array(lines, pa.int64())})


class TableWriter:
    """Writes tables into an Arrow file, with types that fit all of them.

    A table with other columns or types than those before it, which is rare, rewrites the file.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.schema: pa.Schema | None = None

    def __enter__(self) -> "TableWriter":
        return self

    def __exit__(self, *_: object) -> None:
        if self.schema is not None:
            self._stream.close()

    def write(self, table: pa.Table) -> None:
        """Append a table."""
        if self.schema is None:
            self._open(table.schema)
        schema = merged_schema(self.schema, table.schema)
        if not schema.equals(self.schema):
            self._stream.close()
            before = self.path.rename(self.path.with_suffix(".narrow"))
            self._open(schema)
            with pa.memory_map(str(before)) as source, pa.ipc.open_stream(source) as batches:
                for batch in batches:
                    self._stream.write_table(conformed(pa.Table.from_batches([batch]), schema))
            before.unlink()
        self._stream.write_table(conformed(table, schema))

    def _open(self, schema: pa.Schema) -> None:
        self.schema = schema
        self._stream = pa.ipc.new_stream(str(self.path), schema)


def conformed(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Return a table with the columns and types of a schema.

    Args:
        table: the table; a column that it lacks is null.
        schema: the result of `merged_schema` for its own schema and others.
    """
    if table.schema.equals(schema):
        return table
    columns = []
    for field in schema:
        if field.name not in table.column_names:
            columns.append(pa.nulls(len(table), field.type))
            continue
        column = table.column(field.name)
        if column.type != field.type:
            values = [decoded(value, column.type) for value in column.to_pylist()]
            column = typed_array(values, field.type)
        columns.append(column)
    return pa.table(columns, schema=schema)


def merged_schema(one: pa.Schema, other: pa.Schema) -> pa.Schema:
    """Return the columns of two schemas, each with a type for the values of both."""
    fields = {field.name: field for field in one}
    for field in other:
        known = fields.setdefault(field.name, field)
        if known.type != field.type:
            fields[field.name] = pa.field(field.name, merged(known.type, field.type))
    return pa.schema(fields.values(), one.metadata)


def merged(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    """Return a type for the values of two types.

    It is float64 for integers and floats, text for numbers and texts, and JSON, which a `Dataset`
    decodes, if only one of them has parts.
    """
    match one, other:
        case _ if one == other or pa.types.is_null(other):
            return one
        case _ if pa.types.is_null(one):
            return other
        case pa.ListType(), pa.ListType():
            return pa.list_(merged(one.value_type, other.value_type))
        case pa.StructType(), pa.StructType():
            fields = {field.name: field.type for field in one}
            for field in other:
                fields[field.name] = merged(fields.get(field.name, pa.null()), field.type)
            return pa.struct(list(fields.items()))
    if any(pa.types.is_nested(kind) or kind == JSON for kind in (one, other)):
        return JSON
    if all(pa.types.is_integer(kind) for kind in (one, other)):
        return pa.int64()
    is_number = all(
        pa.types.is_integer(kind) or pa.types.is_floating(kind) for kind in (one, other)
    )
    return pa.float64() if is_number else pa.string()


def typed_array(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """Return values as an array of a type.

    Args:
        values: values of JSON's types.
        kind: a type that `merged` theirs.
    """
    return with_json(pa.array([fitted(value, kind) for value in values], storage(kind)), kind)


def fitted(value: Any, kind: pa.DataType) -> Any:
    """Return a value in the form from which Arrow builds an array of `storage(kind)`.

    Args:
        value: a value of JSON's types.
        kind: a type that `merged` the value's own.
    """
    if value is None or pa.types.is_null(kind):
        return None
    if kind == JSON:
        return json.dumps(value, ensure_ascii=False, default=str)
    match kind:
        case pa.ListType():
            return [fitted(part, kind.value_type) for part in value]
        case pa.StructType():
            return {field.name: fitted(value.get(field.name), field.type) for field in kind}
    if pa.types.is_string(kind) and not isinstance(value, str):
        is_json = isinstance(value, bool | list | dict)
        return json.dumps(value, ensure_ascii=False) if is_json else str(value)
    return float(value) if pa.types.is_floating(kind) else value


def decoded(value: Any, kind: pa.DataType) -> Any:
    """Return a value of an array with the JSON in it decoded.

    Args:
        value: the value as `to_pylist` gives it.
        kind: the type of the array.
    """
    if value is None or kind == JSON:
        return value if value is None else json.loads(value)
    match kind:
        case pa.ListType():
            return [decoded(part, kind.value_type) for part in value]
        case pa.StructType():
            return {field.name: decoded(value[field.name], field.type) for field in kind}
    return value


def storage(kind: pa.DataType) -> pa.DataType:
    """Return a type with text in place of JSON, which Arrow cannot build within others."""
    match kind:
        case pa.ListType():
            return pa.list_(storage(kind.value_type))
        case pa.StructType():
            return pa.struct([(field.name, storage(field.type)) for field in kind])
    return pa.string() if kind == JSON else kind


def with_json(array: pa.Array, kind: pa.DataType) -> pa.Array:
    """Return an array of `storage(kind)` as one of `kind`."""
    if array.type == kind:
        return array
    match kind:
        case pa.ListType():
            parts = with_json(array.values, kind.value_type)
            return pa.ListArray.from_arrays(array.offsets, parts, mask=array.is_null())
        case pa.StructType():
            parts = [with_json(array.field(n), field.type) for n, field in enumerate(kind)]
            return pa.StructArray.from_arrays(parts, fields=list(kind), mask=array.is_null())
    return pa.ExtensionArray.from_storage(kind, array)


def _array(values: list[Any]) -> pa.Array:
    try:
        return pa.array(values)
    except MISFITS:
        return typed_array(values, _common(values))


def _common(values: Iterable[Any]) -> pa.DataType:
    return reduce(merged, map(_type_of, values), pa.null())


def _type_of(value: Any) -> pa.DataType:
    match value:
        case list():
            return pa.list_(_common(value))
        case dict():
            return pa.struct([(name, _type_of(part)) for name, part in value.items()])
        case int() if not -(2**63) <= value < 2**63:
            return pa.string()
    return pa.infer_type([value])
