"""What the data modules on text share: tokenization, lengths, texts in a batch, lines of files."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from lightning_transformers.base.errors import ConfigurationError

TEXT_TYPES = ("string", "large_string")
LINE = "text"
"""The column that the lines of a txt file are read into."""


def tokenize(
    tokenizer: PreTrainedTokenizerBase,
    texts: Sequence[str],
    pairs: Sequence[str] | None,
    max_length: int,
    truncation: bool | str,
) -> dict[str, Any]:
    """Return the columns that the tokenizer gives for texts, or for pairs of texts.

    Args:
        tokenizer: the tokenizer.
        texts: the first, or only, text of each row.
        pairs: the second text of each row.
        max_length: the longest input in tokens.
        truncation: whether to cut longer inputs, of a pair the longer text first, or the
            tokenizer's name for what to cut, such as `only_first`.

    Raises:
        ConfigurationError: if an input is longer and must not be cut.
    """
    encoded = tokenizer(
        list(texts),
        None if pairs is None else list(pairs),
        truncation=truncation,
        max_length=max_length if truncation else None,
    )
    require_length(encoded, max_length)
    return dict(encoded)


def require_length(encoded: Mapping[str, Any], max_length: int) -> None:
    """Raise ConfigurationError if one of the tokenizer's inputs has more tokens than allowed."""
    longest = max(map(len, encoded["input_ids"]), default=0)
    if longest > max_length:
        raise ConfigurationError(
            f"an input has {longest} tokens, the model takes {max_length}: set "
            "dataset.truncation=true"
        )


def encode_texts(texts: Sequence[str]) -> Tensor:
    """Return texts as a tensor, which a batch can hold and move to a device.

    Returns:
        The texts in UTF-8, padded with zeros on the right: (batch, bytes), uint8.
    """
    rows = [text.encode() for text in texts]
    longest = max(1, *map(len, rows))
    content = bytearray(b"".join(row.ljust(longest, b"\0") for row in rows))
    return torch.frombuffer(content, dtype=torch.uint8).view(len(rows), longest)


def decode_texts(encoded: Tensor) -> list[str]:
    """Return the texts in a result of `encode_texts`, on whatever device it is."""
    return [row.tobytes().rstrip(b"\0").decode() for row in encoded.cpu().numpy()]


def is_line(value: Any) -> bool:
    """Tell whether an input to predict on is a row of a txt file, which stands for its text."""
    return isinstance(value, dict) and set(value) == {LINE}


def without_lines(inputs: Sequence[Any]) -> list[Any]:
    """Return inputs to predict on, of each row of a txt file its text."""
    return [value[LINE] if is_line(value) else value for value in inputs]
