"""Helpers of text data modules: tokenization, lengths, texts in batches, lines of txt files."""

import re
import reprlib
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.base.types import Columns
from lightning_transformers.data.loading import AnyDataset, column_names

TEXT_TYPES = ("string", "large_string")
EXAMINED_ROWS = 1000
CODE = re.compile(r"(?=\D*\d)\S+")
"""A text with a digit and without a space, such as an id, a date or a file name."""
ID_NAME = re.compile(r"(.*_)?(id|idx|index|uid|guid|uuid|key)", re.IGNORECASE)
"""Names of columns of ids."""
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
            f"the input {reprlib.repr(dict(row))} has no text in '{column}': give "
            f"{'a text, or ' if len(columns) == 1 else ''}a mapping with {given}"
        )
    return value


def text_columns(rows: AnyDataset) -> list[str]:
    """Return the columns of texts; ids and codes are none if another column has texts.

    A column has ids if its name says so, and codes if each of its first values has a digit and no
    space.
    """
    features = rows.features or {}
    texts = [c for c in column_names(rows) if getattr(features.get(c), "dtype", "") in TEXT_TYPES]
    first = list(rows.take(EXAMINED_ROWS).select_columns(texts)) if len(texts) > 1 else []
    codes = [c for c in texts if all(CODE.fullmatch(row[c] or "0") for row in first)]
    prose = [c for c in texts if c not in codes and not ID_NAME.fullmatch(c)]
    return prose or texts


def is_line(value: object) -> bool:
    """Return whether a prediction input is a row of a txt file."""
    return isinstance(value, dict) and set(value) == {LINE}
