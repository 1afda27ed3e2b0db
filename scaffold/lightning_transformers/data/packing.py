"""From texts to blocks of tokens, on Arrow buffers throughout."""

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
    """Concatenate the tokens of all rows and cut them into blocks.

    For `Dataset.map(batched=True)` on a dataset in Arrow format. The blocks are a list array of
    offsets into one buffer: no token becomes a Python object after the tokenizer.

    Args:
        table: rows with a column of texts.
        tokenizer: turns the texts into ids.
        text_column: name of that column.
        block_size: tokens in a block; the last one of a table may be shorter, so none is lost.
        append_eos: end every row that has text with the tokenizer's end-of-sequence token.

    Returns:
        A table with the column `input_ids`, a list of int32 a row.
    """
    rows = text_tokens(table, tokenizer, text_column, append_eos)
    tokens = pa.array(itertools.chain.from_iterable(rows), type=pa.int32())
    return pa.table({"input_ids": pack(tokens, block_size)})


def text_tokens(
    table: pa.Table, tokenizer: PreTrainedTokenizerBase, text_column: str, append_eos: bool
) -> Iterator[list[int]]:
    """Yield the tokens of each row that has text, as `tokenize_and_pack` takes them."""
    texts = [text for text in table[text_column].to_pylist() if text]
    end = [tokenizer.eos_token_id] if append_eos and tokenizer.eos_token_id is not None else []
    return ([*ids, *end] for ids in token_ids(tokenizer, texts))


def tokenize(
    columns: Mapping[str, list[str]], *, tokenizer: PreTrainedTokenizerBase, text_column: str
) -> Columns:
    """Return the texts' ids, with special tokens, for `Dataset.map(batched=True)`."""
    return {"input_ids": tokenizer(columns[text_column], verbose=False)["input_ids"]}


def pack(tokens: pa.Array, block_size: int) -> pa.ListArray:
    """Cut an array of tokens into lists of `block_size`, the last one shorter if need be.

    A last block of one token is left out: there is nothing in it to predict.
    """
    end = len(tokens) - (len(tokens) % block_size == 1)
    offsets = [*range(0, end, block_size), end]
    return pa.ListArray.from_arrays(pa.array(offsets, type=pa.int32()), tokens)


def token_ids(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> Sequence[list[int]]:
    """Return the ids of each text, without special tokens.

    The Rust tokenizer is asked directly: the Python layer above it costs as much again.
    """
    backend: Any = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        ids: list[list[int]] = tokenizer(list(texts), add_special_tokens=False)["input_ids"]
        return ids
    # An earlier call with truncation or padding leaves its settings behind.
    backend.no_truncation()
    backend.no_padding()
    encodings = backend.encode_batch_fast(list(texts), add_special_tokens=False)
    return [encoding.ids for encoding in encodings]
