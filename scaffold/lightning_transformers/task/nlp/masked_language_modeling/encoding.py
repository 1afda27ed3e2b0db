"""Tokenize texts, and cut them into examples."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedTokenizerBase

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.base.types import Columns
from lightning_transformers.data.texts import tokenize
from lightning_transformers.task.nlp.masked_language_modeling.masking import (
    NEVER,
    TokenMasker,
    generator_for,
)
from lightning_transformers.task.nlp.masked_language_modeling.tokens import (
    Tokens,
    blocks,
    separator,
    special_tokens,
    tokens_of,
)

MASKS = ("[MASK]", "<mask>")
"""Spellings of the mask token in a text to predict on, for any tokenizer."""


def encode_blocks(
    columns: Mapping[str, list[str | None]],
    *,
    tokenizer: PreTrainedTokenizerBase,
    text_column: str,
    line_by_line: bool,
    max_length: int,
    truncation: bool,
    whole_word_mask: bool,
    mask: TokenMasker | None,
) -> Columns:
    """Tokenize texts into examples, for `Dataset.map(batched=True)`.

    Args:
        columns: the rows.
        tokenizer: the tokenizer.
        text_column: column of the texts.
        line_by_line: make each row an example, instead of concatenating and cutting blocks.
        max_length: maximum tokens in an example, including the special tokens around it.
        truncation: truncate a longer row with `line_by_line`.
        whole_word_mask: mask the tokens of a word together.
        mask: masks the examples, equal tokens equally; None if the collator does.

    Returns:
        The columns `input_ids` and `attention_mask`, and `word_ids`, or with `mask` `labels`.

    Raises:
        ConfigurationError: if a row is too long and `truncation` is False, or `max_length` leaves
            no room for text.
    """
    start, end = special_tokens(tokenizer)
    room = max_length - start.shape[1] - end.shape[1]
    if room < 1:
        raise ConfigurationError(
            f"dataset.max_length={max_length} leaves no room for text between the tokenizer's "
            f"{max_length - room} special tokens: increase it, for example to 128"
        )
    rows = tokens_of(tokenizer, [text for text in columns[text_column] if text], whole_word_mask)
    if line_by_line:
        longest = max((row.shape[1] for row in rows), default=0)
        if longest > room and not truncation:
            raise ConfigurationError(
                f"a row has {longest + max_length - room} tokens, more than dataset.max_length="
                f"{max_length}: set dataset.truncation=true or dataset.line_by_line=false"
            )
        pieces: Iterable[Tokens] = (row[:, :room] for row in rows)
    else:
        pieces = blocks(rows, separator(tokenizer), room)
    examples = [
        np.concatenate([start, piece, end], axis=1) for piece in pieces if (piece[1] != NEVER).any()
    ]
    return as_columns(examples, mask)


def encode_prompts(
    columns: Mapping[str, list[str | None]],
    *,
    tokenizer: PreTrainedTokenizerBase,
    text_column: str,
    max_length: int,
    truncation: bool,
) -> Columns:
    """Tokenize texts with mask tokens to predict, for `Dataset.map(batched=True)`.

    Args:
        columns: the rows.
        tokenizer: the tokenizer.
        text_column: column of the texts.
        max_length: maximum tokens in an input.
        truncation: truncate longer texts.

    Returns:
        The columns of the tokenizer, such as `input_ids` and `attention_mask`.

    Raises:
        ConfigurationError: for a text without a mask token, or one that truncation removes.
    """
    mask_token = str(tokenizer.mask_token)
    texts = [with_mask_tokens(text or "", tokenizer) for text in columns[text_column]]
    encoded = tokenize(tokenizer, texts, None, max_length, truncation)
    for text, ids in zip(texts, encoded["input_ids"], strict=True):
        if ids.count(tokenizer.mask_token_id) < text.count(mask_token):
            raise ConfigurationError(
                f"the text '{text[:40]}…' has a {mask_token} after its first {max_length} tokens: "
                "shorten the text"
            )
    return encoded


def with_mask_tokens(text: str, tokenizer: PreTrainedTokenizerBase) -> str:
    """Return a text with each spelling in `MASKS` replaced by the tokenizer's mask token.

    Raises:
        ConfigurationError: if the text has no mask token.
    """
    mask_token = str(tokenizer.mask_token)
    for mask in MASKS:
        text = text.replace(mask, mask_token)
    if mask_token not in text:
        raise ConfigurationError(
            f"'{text}' has no mask token: insert {mask_token} for each token to predict"
        )
    return text


def as_columns(examples: Sequence[Tokens], mask: TokenMasker | None) -> Columns:
    """Return the examples as columns, a list per example.

    Args:
        examples: token ids and word ids of each example.
        mask: masks an example with random numbers seeded by its tokens, or None.

    Returns:
        `input_ids` and `attention_mask`; with `mask` also `labels`, else `word_ids`, by which the
        collator masks.
    """
    columns: dict[str, list[Any]] = {"attention_mask": [[1] * e.shape[1] for e in examples]}
    if mask is None:
        columns["word_ids"] = [words.tolist() for _, words in examples]
        return {"input_ids": [ids.tolist() for ids, _ in examples], **columns}
    masked = [
        mask(torch.from_numpy(ids), torch.from_numpy(words), generator_for(ids))
        for ids, words in examples
    ]
    columns["labels"] = [labels.tolist() for _, labels in masked]
    return {"input_ids": [ids.tolist() for ids, _ in masked], **columns}
