"""From texts to examples."""

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
"""What stands for the mask token in a text to predict on, whatever the tokenizer calls it."""


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
    """Return the examples of a batch of rows, for `Dataset.map(batched=True)`.

    Args:
        columns: the rows.
        tokenizer: turns the texts into ids.
        text_column: the column of the texts.
        line_by_line: whether a row is an example, or all of them are joined and cut into blocks.
        max_length: tokens in an example at most, with the special ones around it.
        truncation: whether to cut a longer row.
        whole_word_mask: whether the tokens of a word are hidden together, or each by itself.
        mask: hides words here, the same for the same tokens; None leaves it to the collator.

    Returns:
        `input_ids` and `attention_mask` with `word_ids`, or where `mask` is given `labels`.

    Raises:
        ConfigurationError: if a row is too long and must not be cut, or `max_length` too short.
    """
    start, end = special_tokens(tokenizer)
    room = max_length - start.shape[1] - end.shape[1]
    if room < 1:
        raise ConfigurationError(
            f"dataset.max_length={max_length} leaves no room for a text between the tokenizer's "
            f"{max_length - room} special tokens: set dataset.max_length=128 or so"
        )
    rows = tokens_of(tokenizer, [text for text in columns[text_column] if text], whole_word_mask)
    if line_by_line:
        longest = max((row.shape[1] for row in rows), default=0)
        if longest > room and not truncation:
            raise ConfigurationError(
                f"a row has {longest + max_length - room} tokens, an input at most {max_length}: "
                "set dataset.truncation=true, or dataset.line_by_line=false"
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
    """Return texts to fill in as the model's inputs, for `Dataset.map(batched=True)`.

    Raises:
        ConfigurationError: for a text without a mask token, or with one that is cut off.
    """
    mask_token = str(tokenizer.mask_token)
    texts = [text or "" for text in columns[text_column]]
    for mask in MASKS:
        texts = [text.replace(mask, mask_token) for text in texts]
    encoded = tokenize(tokenizer, texts, None, max_length, truncation)
    for text, ids in zip(texts, encoded["input_ids"], strict=True):
        if mask_token not in text:
            raise ConfigurationError(
                f"nothing to fill in '{text}': put {mask_token} where a word is to be predicted"
            )
        if ids.count(tokenizer.mask_token_id) < text.count(mask_token):
            raise ConfigurationError(
                f"the text '{text[:40]}…' has a {mask_token} after the {max_length} tokens that "
                "an input has at most: shorten it"
            )
    return encoded


def as_columns(examples: Sequence[Tokens], mask: TokenMasker | None) -> Columns:
    """Return the examples as columns, with words hidden where `mask` is given."""
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
