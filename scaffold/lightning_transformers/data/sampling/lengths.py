"""Lengths of tokenized rows, from the offsets of their Arrow columns."""

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from datasets import Dataset

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
    columns = [name for name in COLUMNS if name in kinds.names and is_list(kinds.field(name).type)]
    tokens = rows.select_columns(columns).with_format("arrow")

    def lengths(places: Numbers) -> Numbers:
        total = np.zeros(len(places), np.int64)
        for column in tokens[places].columns:
            total += value_lengths(column.combine_chunks())
        return total

    return lengths if columns else None


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
