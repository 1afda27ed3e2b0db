"""Tokenization and packing into blocks, on Arrow buffers."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
from transformers import PreTrainedTokenizerBase

from lightning_transformers.base.types import Columns


def tokenize_and_pack(
    table: pa.Table,
    *,
    tokenizer: PreTrainedTokenizerBase,
    text_column: str,
    block_size: int,
    append_eos: bool,
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

    Returns:
        A table with the column `input_ids`, a list of int32 per block.
    """
    rows = text_tokens(table, tokenizer, text_column, append_eos)
    tokens = pa.array(itertools.chain.from_iterable(rows), type=pa.int32())
    return pa.table({"input_ids": pack(tokens, block_size)})


def text_tokens(
    table: pa.Table, tokenizer: PreTrainedTokenizerBase, text_column: str, append_eos: bool
) -> Iterator[list[int]]:
    """Yield the token ids of each non-empty row, without special tokens.

    Args:
        table: rows with a column of texts.
        tokenizer: the tokenizer.
        text_column: name of that column.
        append_eos: append the end-of-sequence token, if the tokenizer has one.
    """
    texts = [text for text in table[text_column].to_pylist() if text]
    end = [tokenizer.eos_token_id] if append_eos and tokenizer.eos_token_id is not None else []
    return ([*ids, *end] for ids in token_ids(tokenizer, texts))


def tokenize(
    columns: Mapping[str, list[str]], *, tokenizer: PreTrainedTokenizerBase, text_column: str
) -> Columns:
    """Return `input_ids`, a list per text with special tokens, for `Dataset.map(batched=True)`.

    Args:
        columns: the rows, with a column of texts.
        tokenizer: the tokenizer.
        text_column: name of the column of texts.
    """
    return {"input_ids": tokenizer(columns[text_column], verbose=False)["input_ids"]}


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
