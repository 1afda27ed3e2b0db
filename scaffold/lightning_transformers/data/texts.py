"""Helpers of text data modules: tokenization, lengths, texts in batches, lines of txt files."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.base.types import Columns

TEXT_TYPES = ("string", "large_string")
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


def is_line(value: object) -> bool:
    """Return whether a prediction input is a row of a txt file: a dict with only `text`."""
    return isinstance(value, dict) and set(value) == {LINE}


def without_lines(inputs: Sequence[Any]) -> list[Any]:
    """Replace the rows of txt files among prediction inputs by their texts; keep other inputs."""
    return [value[LINE] if is_line(value) else value for value in inputs]
