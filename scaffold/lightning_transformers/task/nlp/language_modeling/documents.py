"""Tokenize documents, and pack whole documents into examples."""

from bisect import bisect_left, insort
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from datasets import Dataset
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase

from lightning_transformers.base.types import Columns
from lightning_transformers.data.loading import AnyDataset
from lightning_transformers.data.packing import text_tokens, token_ids

Integers = NDArray[np.int64]
TOKENS = pa.list_(pa.int32())
PACK_BATCH, STREAM_BATCH = 10_000, 1_000
"""Minimum number of documents to pack at once, of a dataset and of a stream."""
MIN_ROWS, MAX_TOKENS = 100, 50_000_000
"""Examples that a batch fills at least, so that the padding of the last is negligible, and tokens
in it at most, which need about 0.5 GB."""


def tokenize_documents(
    table: pa.Table, *, tokenizer: PreTrainedTokenizerBase, text_column: str, append_eos: bool
) -> pa.Table:
    """Tokenize texts, for `Dataset.map(batched=True)` on a dataset in Arrow format.

    A document begins with the beginning-of-sequence token if the tokenizer adds one.

    Args:
        table: rows with a column of texts; rows without text are dropped.
        tokenizer: the tokenizer.
        text_column: name of the column of texts.
        append_eos: end each document with the tokenizer's end-of-sequence token.

    Returns:
        A table with the column `input_ids`, lists of int32.
    """
    start = np.array(document_start(tokenizer), np.int32)
    tokens = text_tokens(table, tokenizer, text_column, append_eos)
    documents = [np.concatenate([start, ids]) for ids in tokens]
    return pa.table({"input_ids": pa.array(documents, type=TOKENS)})


def document_start(tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Return the beginning-of-sequence token if the tokenizer begins a text with it, else nothing.

    Other special tokens, such as `[CLS]` and `[SEP]`, belong to encoders.
    """
    first = tokenizer("a")["input_ids"][:1]
    return first if first == [tokenizer.bos_token_id] else []


def tokenize_prompts(
    columns: Columns, *, tokenizer: PreTrainedTokenizerBase, text_column: str
) -> Columns:
    """Return `input_ids` of texts to continue, which begin as a document does, and do not end.

    Args:
        columns: the rows, with a column of texts.
        tokenizer: the tokenizer.
        text_column: name of the column of texts.
    """
    start = document_start(tokenizer)
    return {"input_ids": [[*start, *ids] for ids in token_ids(tokenizer, columns[text_column])]}


def pack_batch_size(documents: AnyDataset, block_size: int) -> int:
    """Return how many documents to pass to `pack_documents`: more if they are short.

    Args:
        documents: tokenized documents; the mean length of a stream is unknown.
        block_size: maximum tokens in an example.
    """
    if not isinstance(documents, Dataset):
        return min(max(STREAM_BATCH, block_size), PACK_BATCH)
    tokens = documents.data.nbytes / 4  # an upper bound: labels count, too
    mean = max(tokens, 1) / max(len(documents), 1)
    wanted = max(PACK_BATCH, MIN_ROWS * block_size / mean)
    return int(max(min(wanted, MAX_TOKENS / mean), 1))


def pack_documents(table: pa.Table, *, block_size: int, pack: bool) -> pa.Table:
    """Split documents that exceed `block_size`, and pack them into examples.

    Documents of one token are dropped: they have no token to predict. Works on Arrow buffers; no
    token becomes a Python object.

    Args:
        table: one document per row, with `input_ids` and optionally `labels`.
        block_size: maximum tokens in an example.
        pack: pack as many documents as fit into an example; if False, one per example.

    Returns:
        A table with the same columns, and with `pack` the `lengths` of the documents in each
        example.
    """
    names = [name for name in ("input_ids", "labels") if name in table.column_names]
    lengths = pc.list_value_length(table["input_ids"]).to_numpy().astype(np.int64)
    starts, sizes = split_long_documents(lengths, block_size)
    rows = best_fit_decreasing(sizes, block_size) if pack else [[n] for n in range(len(sizes))]
    order = np.fromiter((piece for row in rows for piece in row), np.int64, len(sizes))
    starts, sizes = starts[order], sizes[order]
    ends = offsets(np.array([len(row) for row in rows], np.int64))
    columns: dict[str, pa.ListArray] = {
        name: pa.ListArray.from_arrays(
            pa.array(offsets(sizes)[ends], pa.int32()),
            pa.array(slices(pc.list_flatten(table[name]).to_numpy(), starts, sizes)),
        )
        for name in names
    }
    if pack:
        columns["lengths"] = pa.ListArray.from_arrays(
            pa.array(ends, pa.int32()), pa.array(sizes, pa.int32())
        )
    return pa.table(columns)


def split_long_documents(lengths: Integers, longest: int) -> tuple[Integers, Integers]:
    """Split documents into pieces of at most `longest` tokens.

    Args:
        lengths: tokens in each document, (documents,).
        longest: maximum tokens in a piece.

    Returns:
        Start of each piece in the concatenated tokens, and its length, each (pieces,), without
        pieces of one token.
    """
    counts = -(-lengths // longest)
    document = np.repeat(np.arange(len(lengths)), counts)
    before = ranges(np.zeros_like(counts), counts) * longest
    sizes = np.minimum(lengths[document] - before, longest)
    starts = offsets(lengths)[document] + before
    return starts[sizes > 1], sizes[sizes > 1]


def best_fit_decreasing(sizes: Integers, space: int) -> Sequence[list[int]]:
    """Assign documents to rows: the longest first, each to the row with the least space that fits.

    Ding et al., "Fewer Truncations Improve Language Modeling", 2024.

    Args:
        sizes: tokens in each document, (documents,).
        space: tokens in a row, at least the largest size.

    Returns:
        The indices of the documents in each row, sorted.
    """
    rows: list[list[int]] = []
    free: list[tuple[int, int]] = []  # tokens left, and the row, in ascending order
    for document in np.argsort(-sizes, kind="stable").tolist():
        size = int(sizes[document])
        at = bisect_left(free, (size,))
        if at < len(free):
            left, row = free.pop(at)
            rows[row].append(document)
        else:
            left, row = space, len(rows)
            rows.append([document])
        if left > size:
            insort(free, (left - size, row))
    return sorted(sorted(row) for row in rows)


def slices(tokens: NDArray[np.int32], starts: Integers, sizes: Integers) -> NDArray[np.int32]:
    """Return the concatenated slices `tokens[start : start + size]`, (sum of sizes,).

    Args:
        tokens: the tokens, (tokens,).
        starts: start of each slice, (slices,).
        sizes: its length, (slices,).
    """
    # Not by an index of all tokens, which takes several times their memory.
    parts = (tokens[start : start + size] for start, size in zip(starts, sizes, strict=True))
    return np.concatenate([tokens[:0], *parts])


def offsets(sizes: Integers) -> Integers:
    """Return the start of each of consecutive lists and the end of the last, (lists + 1,)."""
    return np.concatenate([[0], np.cumsum(sizes)])


def ranges(starts: Integers, sizes: Integers) -> Integers:
    """Return the concatenated ranges `starts[i] … starts[i] + sizes[i] - 1`, (sum of sizes,)."""
    return np.arange(sizes.sum()) + np.repeat(starts - offsets(sizes)[:-1], sizes)
