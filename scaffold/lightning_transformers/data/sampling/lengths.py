"""Lengths of tokenized rows, from the offsets of their Arrow columns."""

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from datasets import Dataset
from numpy.typing import NDArray

from lightning_transformers.data.sampling.permutation import Numbers

Lengths: TypeAlias = Callable[[Numbers], Numbers]
"""Returns the lengths of rows `(n,)`, int64."""

COLUMNS = ("input_ids", "labels")
"""Columns of tokens, those of the decoder among them."""


def lengths_of(rows: Any) -> Lengths | None:
    """Return a function from rows to their numbers of tokens, or None for rows without tokens.

    Args:
        rows: processed rows; only a `Dataset` has lengths that cost no tokenization.
    """
    if not isinstance(rows, Dataset) or COLUMNS[0] not in rows.column_names:
        return None
    kinds = rows.data.schema
    names = [name for name in COLUMNS if name in kinds.names and is_list(kinds.field(name).type)]
    columns = [ColumnLengths(rows.data.column(name)) for name in names]
    indices = None if rows._indices is None else rows._indices.column(0)

    def lengths(places: Numbers) -> Numbers:
        if indices is not None:
            places = indices.take(pa.array(places)).to_numpy().astype(np.int64)
        return sum((column(places) for column in columns), np.zeros(len(places), np.int64))

    return lengths if columns else None


class ColumnLengths:
    """Returns the lengths of lists from their offsets alone: no token is read or copied.

    Args:
        column: the lists; nested ones are counted once, with four bytes each.
    """

    def __init__(self, column: pa.ChunkedArray) -> None:
        chunks = [chunk for chunk in column.chunks if len(chunk)]
        self.starts = np.cumsum([0, *map(len, chunks)])
        self.ends = [ends_of(chunk) for chunk in chunks]

    def __call__(self, places: Numbers) -> Numbers:
        """Return the lengths of the lists at places, each `(n,)`."""
        found = np.empty(len(places), np.int64)
        chunks = np.searchsorted(self.starts, places, side="right") - 1
        order = np.argsort(chunks, kind="stable")
        borders = np.flatnonzero(np.diff(chunks[order])) + 1
        for part in np.split(order, borders) if len(places) else ():
            chunk = chunks[part[0]]
            within = places[part] - self.starts[chunk]
            found[part] = self.ends[chunk][within + 1] - self.ends[chunk][within]
        return found


def ends_of(lists: pa.Array) -> NDArray[np.integer[Any]]:
    """Return where the values of each list end, after a first entry, `(lists + 1,)`."""
    if is_list(lists.type.value_type) or lists.null_count:
        return np.concatenate([[0], np.cumsum(value_lengths(lists))])
    ends: NDArray[np.integer[Any]] = lists.offsets.to_numpy()
    return ends


def is_list(kind: pa.DataType) -> bool:
    """Return whether a type is a list, of any length."""
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind))


def value_lengths(values: pa.Array) -> Numbers:
    """Return the number of values in each list, `(n,)`, int64; of all its lists in one of lists.

    Args:
        values: lists, or lists of lists, such as the choices of a question.
    """
    found = pc.fill_null(pc.list_value_length(values), 0).to_numpy(zero_copy_only=False)
    lengths: Numbers = found.astype(np.int64)
    if is_list(values.type.value_type):
        ends = np.cumsum(lengths)
        inner = np.concatenate([[0], np.cumsum(value_lengths(values.flatten()))])
        lengths = inner[ends] - inner[ends - lengths]
    return lengths
