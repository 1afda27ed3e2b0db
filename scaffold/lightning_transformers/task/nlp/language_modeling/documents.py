"""From texts to documents of tokens, and from these to rows that hold whole documents."""

from bisect import bisect_left, insort
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from datasets import Dataset
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase

from lightning_transformers.data.loading import AnyDataset
from lightning_transformers.data.packing import text_tokens

Integers = NDArray[np.int64]
TOKENS = pa.list_(pa.int32())
DOCUMENTS_AT_ONCE, STREAMED_AT_ONCE = 10_000, 1_000
"""Documents that are packed together, of a stream or else."""
ROWS_AT_ONCE, TOKENS_AT_ONCE = 100, 50_000_000
"""What they fill at least, so that what the last row has free does not count, and at most, which
takes a gigabyte."""


def tokenize_documents(
    table: pa.Table, *, tokenizer: PreTrainedTokenizerBase, text_column: str, append_eos: bool
) -> pa.Table:
    """Return the tokens of each text, from the beginning-of-sequence token that the tokenizer adds.

    For `Dataset.map(batched=True)` on an Arrow dataset.

    Args:
        table: rows with a column of texts; those without text are left out.
        tokenizer: turns the texts into ids.
        text_column: name of that column.
        append_eos: end each document with the tokenizer's end-of-sequence token.

    Returns:
        A table with the column `input_ids`, a list of int32 a row.
    """
    # As in a prompt; what else a tokenizer adds is of other kinds of models. Of an empty text, the
    # first token may be that of the end.
    start = tokenizer("a")["input_ids"][:1]
    start = start if start == [tokenizer.bos_token_id] else []
    tokens = text_tokens(table, tokenizer, text_column, append_eos)
    documents = [[*start, *ids] for ids in tokens]
    return pa.table({"input_ids": pa.array(documents, type=TOKENS)})


def documents_at_once(documents: AnyDataset, block_size: int) -> int:
    """Return how many documents to give to `arrange_documents`: more if rows are long beside them.

    Of a stream, whose documents may have any length, these are `block_size`, within bounds.
    """
    if not isinstance(documents, Dataset):
        return min(max(STREAMED_AT_ONCE, block_size), DOCUMENTS_AT_ONCE)
    tokens = documents.data.nbytes / 4  # or fewer, where there are labels
    mean = max(tokens, 1) / max(len(documents), 1)
    wanted = max(DOCUMENTS_AT_ONCE, ROWS_AT_ONCE * block_size / mean)
    return int(max(min(wanted, TOKENS_AT_ONCE / mean), 1))


def arrange_documents(table: pa.Table, *, block_size: int, together: bool) -> pa.Table:
    """Put documents into rows of at most `block_size` tokens.

    A document that is longer is cut into pieces, each a document of its own. One of one token is
    left out: there is nothing in it to predict. No token becomes a Python object.

    Args:
        table: a document a row: `input_ids`, and `labels` where not all tokens are to be learned.
        block_size: tokens in a row at most.
        together: put as many into a row as fit; else each has a row of its own.

    Returns:
        The same columns, and with several documents to a row their `lengths` in it.
    """
    names = [name for name in ("input_ids", "labels") if name in table.column_names]
    lengths = pc.list_value_length(table["input_ids"]).to_numpy().astype(np.int64)
    starts, sizes = pieces(lengths, block_size)
    rows = best_fit_decreasing(sizes, block_size) if together else [[n] for n in range(len(sizes))]
    order = np.fromiter((piece for row in rows for piece in row), np.int64, len(sizes))
    starts, sizes = starts[order], sizes[order]
    ends = offsets(np.array([len(row) for row in rows], np.int64))
    tokens = ranges(starts, sizes)
    columns: dict[str, pa.ListArray] = {
        name: pa.ListArray.from_arrays(
            pa.array(offsets(sizes)[ends], pa.int32()),
            pc.list_flatten(table[name]).combine_chunks().take(pa.array(tokens)),
        )
        for name in names
    }
    if together:
        columns["lengths"] = pa.ListArray.from_arrays(
            pa.array(ends, pa.int32()), pa.array(sizes, pa.int32())
        )
    return pa.table(columns)


def pieces(lengths: Integers, longest: int) -> tuple[Integers, Integers]:
    """Return where among all tokens the pieces of the documents start, and their lengths."""
    counts = -(-lengths // longest)
    document = np.repeat(np.arange(len(lengths)), counts)
    before = ranges(np.zeros_like(counts), counts) * longest
    sizes = np.minimum(lengths[document] - before, longest)
    starts = offsets(lengths)[document] + before
    return starts[sizes > 1], sizes[sizes > 1]


def best_fit_decreasing(sizes: Integers, space: int) -> Sequence[list[int]]:
    """Return which of the documents share a row, by number, in the order that they came in.

    From the longest to the shortest, each goes where it leaves the least space (Ding et al.,
    "Fewer Truncations Improve Language Modeling", 2024).

    Args:
        sizes: tokens in each document.
        space: tokens in a row, at least as many as in any document.
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


def offsets(sizes: Integers) -> Integers:
    """Return where each of consecutive lists begins, and the end of the last."""
    return np.concatenate([[0], np.cumsum(sizes)])


def ranges(starts: Integers, sizes: Integers) -> Integers:
    """Return the numbers `starts[i] … starts[i] + sizes[i] - 1` for each i, one after another."""
    return np.arange(sizes.sum()) + np.repeat(starts - offsets(sizes)[:-1], sizes)
