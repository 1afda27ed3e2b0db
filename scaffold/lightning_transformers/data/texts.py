"""Helpers of text data modules: tokenization, lengths, texts in batches, lines of txt files."""

import ast
import json
import re
import reprlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import torch
from datasets import Dataset
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.base.types import Columns
from lightning_transformers.data.loading import AnyDataset

TEXT_TYPES = ("string", "large_string")
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
CODE = re.compile(r"\S*\d\S*")
"""A text with a digit and without a space, such as an id, a date or a file name."""
ID_NAME = re.compile(r"(.*_)?(id|idx|index|uid|guid|uuid|key)", re.IGNORECASE)
"""Names of columns of ids."""
STREAM_SAMPLE = 100
"""Rows of a stream from which the content of a column is inferred."""
LINE = "text"
"""The column of the lines of a txt file."""


def tokenize(
    tokenizer: PreTrainedTokenizerBase,
    texts: Sequence[str],
    pairs: Sequence[str] | None,
    max_length: int,
    truncation: bool | str,
) -> dict[str, Any]:
    """Tokenize texts or pairs of texts.

    Args:
        tokenizer: the tokenizer.
        texts: the first, or only, text of each row.
        pairs: the second text of each row, or None.
        max_length: maximal length of an input in tokens.
        truncation: whether to truncate longer inputs, the longer text of a pair first, or a
            strategy of the tokenizer, such as `only_first`.

    Returns:
        The tokenizer's columns, such as `input_ids` and `attention_mask`, lists of int per row.

    Raises:
        ConfigurationError: if an input is longer than `max_length` and not truncated.
    """
    encoded = tokenizer(
        list(texts),
        None if pairs is None else list(pairs),
        truncation=truncation,
        max_length=max_length if truncation else None,
    )
    require_length(encoded, max_length)
    return dict(encoded)


def require_length(encoded: Columns, max_length: int) -> None:
    """Check `input_ids`; raises ConfigurationError if a row has more than `max_length` tokens."""
    longest = max(map(len, encoded["input_ids"]), default=0)
    if longest > max_length:
        raise ConfigurationError(
            f"an input has {longest} tokens, more than the maximum of {max_length}: set "
            "dataset.truncation=true"
        )


def text_columns(rows: AnyDataset, *others: str | None) -> list[str]:
    """Return the columns of text, without those of numbers: all cells of a csv are texts.

    Columns of ids or codes are omitted, too, if another column has text.

    Args:
        rows: the rows; of a stream, the first ones decide.
        others: columns to omit.
    """
    texts = {
        name: column
        for name, column in string_columns(rows).items()
        if name not in others and has_other_than(NUMBER, column)
    }
    prose = [
        name
        for name, column in texts.items()
        if has_other_than(CODE, column) and not ID_NAME.fullmatch(name)
    ]
    return prose or list(texts)


def string_columns(rows: AnyDataset) -> dict[str, pa.ChunkedArray]:
    """Return the columns of strings; of a stream, their first values."""
    features = rows.features or {}
    names = [name for name, kind in features.items() if getattr(kind, "dtype", "") in TEXT_TYPES]
    if isinstance(rows, Dataset):
        return {name: rows.data.column(name) for name in names}
    first = list(rows.take(STREAM_SAMPLE))
    return {name: pa.chunked_array([[row[name] for row in first]], pa.string()) for name in names}


def has_other_than(pattern: re.Pattern[str], column: pa.ChunkedArray) -> bool:
    """Return whether a string of a column does not match a pattern as a whole."""
    expression = f"^({pattern.pattern})$"
    matches = (pc.match_substring_regex(chunk, expression) for chunk in column.chunks)
    return any(pc.any(pc.invert(found)).as_py() for found in matches)


def as_list(value: Any) -> Any:
    """Return a text that Python or JSON writes for a list as this list, other values unchanged."""
    if isinstance(value, str) and value[:1] == "[" and value[-1:] == "]":
        with suppress(ValueError, SyntaxError):
            parsed = ast.literal_eval(value)
            known = (str(parsed), json.dumps(parsed), json.dumps(parsed, ensure_ascii=False))
            # numpy writes a list without commas, which Python reads as one text.
            if value.replace(" ", "") in (text.replace(" ", "") for text in known):
                return parsed
    return value


def encode_texts(texts: Sequence[str]) -> Tensor:
    """Encode texts as a tensor, so that a batch can move them to a device.

    Returns:
        The texts in UTF-8, padded with zeros on the right: `(batch, bytes)`, uint8.
    """
    rows = [text.encode() for text in texts]
    longest = max(1, *map(len, rows))
    content = bytearray(b"".join(row.ljust(longest, b"\0") for row in rows))
    return torch.frombuffer(content, dtype=torch.uint8).view(len(rows), longest)


def decode_texts(encoded: Tensor) -> list[str]:
    """Decode the result of `encode_texts`, `(batch, bytes)`, on any device."""
    return [row.tobytes().rstrip(b"\0").decode() for row in encoded.cpu().numpy()]


def input_text(row: Mapping[str, Any], column: str, columns: Sequence[str]) -> str:
    """Return the text of a prediction input; a number becomes a text.

    Args:
        row: the input.
        column: the column of the text.
        columns: all columns of texts, for the error message.

    Raises:
        ConfigurationError: if it has no text in the column.
    """
    value = row.get(column)
    if isinstance(value, int | float) and value == value:  # pandas has NaN for a missing text
        value = str(value)
    if not isinstance(value, str) or not value.strip():
        given = " and ".join(map(repr, columns))
        raise ConfigurationError(
            f"input {reprlib.repr(dict(row))} has no text in '{column}': give "
            f"{'a text, or ' if len(columns) == 1 else ''}a mapping with {given}"
        )
    return value


def is_line(value: object) -> bool:
    """Return whether a prediction input is a row of a txt file: a dict with only `text`."""
    return isinstance(value, dict) and set(value) == {LINE}
