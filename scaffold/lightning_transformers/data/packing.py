"""Tokenization and packing into blocks, on Arrow buffers."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase

from lightning_transformers.data.collators import IGNORE_INDEX

CHARACTERS = 1_000_000
"""Characters to tokenize at once: the tokenizer takes about a hundred bytes for each token."""


def tokenize_and_pack(
    table: pa.Table,
    *,
    tokenizer: PreTrainedTokenizerBase,
    text_column: str,
    block_size: int,
    append_eos: bool,
    stride: int | None = None,
) -> pa.Table:
    """Concatenate the tokens of all rows and split them into blocks.

    For `Dataset.map(batched=True)` on a dataset in Arrow format. The blocks share one buffer: no
    token becomes a Python object after the tokenizer.

    Args:
        table: rows with a column of texts.
        tokenizer: the tokenizer.
        text_column: name of that column.
        block_size: tokens per block; the last block of a table may be shorter.
        append_eos: append the end-of-sequence token to each non-empty row.
        stride: tokens from the start of a block to that of the next, see `sliding_windows`; None:
            blocks do not overlap.

    Returns:
        A table with the column `input_ids`, a list of int32 per block, with `stride` also `labels`.
    """
    rows = text_tokens(table, tokenizer, text_column, append_eos)
    tokens = pa.array(np.concatenate([np.empty(0, np.int32), *rows]))
    if stride is not None:
        return sliding_windows(tokens, block_size, stride)
    return pa.table({"input_ids": pack(tokens, block_size)})


def text_tokens(
    table: pa.Table, tokenizer: PreTrainedTokenizerBase, text_column: str, append_eos: bool
) -> Iterator[NDArray[np.int32]]:
    """Yield the token ids of each non-empty row, (tokens,), without special tokens.

    Args:
        table: rows with a column of texts.
        tokenizer: the tokenizer.
        text_column: name of that column.
        append_eos: append the end-of-sequence token, if the tokenizer has one.
    """
    texts = [text for text in table[text_column].to_pylist() if text]
    end = [tokenizer.eos_token_id] if append_eos and tokenizer.eos_token_id is not None else []
    for part in parts_of(texts):
        for ids in token_ids(tokenizer, part):
            yield np.array([*ids, *end], np.int32)


def parts_of(texts: Iterable[str]) -> Iterator[list[str]]:
    """Yield the texts in lists of about `CHARACTERS` characters."""
    part: list[str] = []
    size = 0
    for text in texts:
        part.append(text)
        size += len(text)
        if size >= CHARACTERS:
            yield part
            part, size = [], 0
    if part:
        yield part


def pack(tokens: pa.Array, block_size: int) -> pa.ListArray:
    """Split tokens into blocks; the last one may be shorter.

    A last block of a single token, which has no target, is dropped.

    Args:
        tokens: a flat array of int32, which the result shares.
        block_size: tokens per block.
    """
    end = len(tokens) - (len(tokens) % block_size == 1)
    offsets = [*range(0, end, block_size), end]
    return pa.ListArray.from_arrays(pa.array(offsets, type=pa.int32()), tokens)


def sliding_windows(tokens: pa.Array, block_size: int, stride: int) -> pa.Table:
    """Return overlapping blocks of tokens, in which each token is a label once.

    As in the documentation of transformers on the perplexity of models with a fixed length: all
    tokens of the first block are labels, and of each further block those that none before has.

    Args:
        tokens: the tokens, int32.
        block_size: tokens per block; the last may be shorter.
        stride: tokens from the start of a block to that of the next, at most `block_size`.

    Returns:
        A table with the columns `input_ids` and `labels`, lists of int32; other labels are -100.
    """
    ids = tokens.to_numpy()
    blocks, labels, seen = [], [], 0
    for start in range(0, len(ids), stride):
        block = ids[start : start + block_size]
        blocks.append(block)
        labels.append(np.where(np.arange(len(block)) < seen - start, IGNORE_INDEX, block))
        seen = start + len(block)
        if seen == len(ids):
            break
    columns = {"input_ids": blocks, "labels": labels}
    return pa.table({name: pa.array(rows, pa.list_(pa.int32())) for name, rows in columns.items()})


def token_ids(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> Sequence[list[int]]:
    """Return the ids of each text, without special tokens.

    Calls the Rust tokenizer directly, which halves the time.
    """
    backend: Any = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        ids: list[list[int]] = tokenizer(list(texts), add_special_tokens=False)["input_ids"]
        return ids
    # Truncation and padding of an earlier call persist in the backend.
    backend.no_truncation()
    backend.no_padding()
    encodings = backend.encode_batch_fast(list(texts), add_special_tokens=False)
    return [encoding.ids for encoding in encodings]
