"""Tokenize texts with word ids, and cut tokens into blocks."""

from collections.abc import Iterator, Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase

from lightning_transformers.data.packing import token_ids
from lightning_transformers.task.nlp.masked_language_modeling.masking import NEVER

Tokens = NDArray[np.int32]
"""Token ids and word ids, (2, seq)."""


def tokens_of(
    tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], whole_words: bool
) -> list[Tokens]:
    """Return the tokens of each text, with word ids that are unique across the texts.

    Special tokens in a text have the word id `NEVER`.

    Args:
        tokenizer: the tokenizer; with `whole_words` a fast one.
        texts: the texts.
        whole_words: give the tokens of a word the same word id, not each token its own.
    """
    words: Sequence[Sequence[int | None]]
    if whole_words:
        encoded = tokenizer(list(texts), add_special_tokens=False, verbose=False)
        ids = encoded["input_ids"]
        words = [encoded.word_ids(row) for row in range(len(texts))]
    else:
        ids = token_ids(tokenizer, texts)
        words = [range(len(row)) for row in ids]
    lengths = [len(row) for row in ids]
    bounds = np.cumsum([0, *lengths])
    numbers = [number or 0 for number in chain.from_iterable(words)]
    tokens = np.array([list(chain.from_iterable(ids)), numbers], dtype=np.int32)
    tokens[1] += np.repeat(bounds[:-1], lengths)
    tokens[1, np.isin(tokens[0], tokenizer.all_special_ids)] = NEVER
    return np.split(tokens, bounds[1:-1], axis=1)


def gives_word_ids(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Return whether a tokenizer gives word ids; those written in Python do not."""
    if not tokenizer.is_fast:
        return False
    return len(set(tokenizer("a b", add_special_tokens=False).word_ids())) == 2


def blocks(rows: Sequence[Tokens], between: Tokens, size: int) -> Iterator[Tokens]:
    """Concatenate rows and yield blocks of `size` tokens; the last may be shorter.

    Args:
        rows: the tokens of each row.
        between: the separator of two rows.
        size: tokens in a block.
    """
    parts = [part for row in rows for part in (between, row)][1:]
    joined = np.concatenate(parts, axis=1) if parts else between[:, :0]
    for first in range(0, joined.shape[1], size):
        yield joined[:, first : first + size]


def special_tokens(tokenizer: PreTrainedTokenizerBase) -> tuple[Tokens, Tokens]:
    """Return the special tokens that the tokenizer adds before and after a text; may be empty."""
    encoded = tokenizer("a", return_special_tokens_mask=True)
    added = np.array(encoded["special_tokens_mask"], dtype=bool)
    first, last = np.flatnonzero(~added)[[0, -1]]
    ids = encoded["input_ids"]
    return special(ids[:first]), special(ids[last + 1 :])


def separator(tokenizer: PreTrainedTokenizerBase) -> Tokens:
    """Return the token that separates two rows in a block: `[SEP]`, or else end-of-sequence.

    Empty if the tokenizer has neither.
    """
    ids = [tokenizer.sep_token_id, tokenizer.eos_token_id]
    return special([token_id for token_id in ids if token_id is not None][:1])


def special(ids: Sequence[int]) -> Tokens:
    """Return token ids with the word id of tokens that are never masked, (2, seq)."""
    return np.array([ids, [NEVER] * len(ids)], dtype=np.int32)
