"""Tokenize words with tags into tokens with labels."""

from collections.abc import Sequence
from typing import Any

from transformers import PreTrainedTokenizerBase

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.base.types import Columns
from lightning_transformers.data.collators import IGNORE_INDEX
from lightning_transformers.data.labels import LabelEncoder
from lightning_transformers.data.texts import require_length
from lightning_transformers.task.nlp.token_classification.sentences import split_words

NO_WORD = -1
"""Word id of a special token."""


def encode_words(
    columns: Columns,
    *,
    tokenizer: PreTrainedTokenizerBase,
    tokens: str,
    max_length: int,
    truncation: bool,
    label: str | None,
    labels: LabelEncoder | None,
    label_all_tokens: bool,
) -> Columns:
    """Tokenize sentences, for `Dataset.map(batched=True)`; drops sentences without any label.

    Args:
        columns: the rows.
        tokenizer: a fast tokenizer.
        tokens: column of the words.
        max_length: maximum tokens in an input.
        truncation: truncate longer sentences.
        label: column of the tags; None for rows without tags.
        labels: encodes a tag as its id.
        label_all_tokens: label all tokens of a word, not only the first.

    Returns:
        The columns of the tokenizer and `word_ids`, per token; with tags also `labels`, per token,
        and `word_tags`, per word.

    Raises:
        ConfigurationError: for an unknown tag, another number of tags than of words, or a sentence
            that is too long and not truncated.
    """
    words = [[str(word) for word in split_words(value)] for value in columns[tokens]]
    encoded = tokenize_words(tokenizer, words, max_length, truncation)
    if label is None or labels is None:
        return encoded
    tags = [split_words(value) for value in columns[label]]
    for sentence, row in zip(words, tags, strict=True):
        require_equal_lengths(sentence, row)
    inside = inside_tags(labels.names) if label_all_tokens else None
    encoded["word_tags"] = [[labels(tag) for tag in row] for row in tags]
    encoded["labels"] = [
        token_labels(ids, row, inside)
        for ids, row in zip(encoded["word_ids"], encoded["word_tags"], strict=True)
    ]
    kept = [any(number != IGNORE_INDEX for number in row) for row in encoded["labels"]]
    return {
        key: [value for value, keep in zip(values, kept, strict=True) if keep]
        for key, values in encoded.items()
    }


def tokenize_words(
    tokenizer: PreTrainedTokenizerBase,
    sentences: Sequence[Sequence[str]],
    max_length: int,
    truncation: bool,
) -> dict[str, Any]:
    """Tokenize sentences that are lists of words.

    A sentence that exceeds `max_length` without `truncation` is a ConfigurationError.

    Args:
        tokenizer: a fast tokenizer.
        sentences: the words of each sentence.
        max_length: maximum tokens in an input.
        truncation: truncate longer sentences.

    Returns:
        The columns of the tokenizer, and `word_ids`: the index of the word of each token, -1 for a
        special token.
    """
    # A byte-level tokenizer (GPT-2, RoBERTa) expects a space before each word.
    is_spaced = tokenizer.tokenize("a a")[-1] != tokenizer.tokenize("a")[-1]
    encoded = tokenizer(
        [[f" {word}" if is_spaced else word for word in words] for words in sentences],
        is_split_into_words=True,
        truncation=truncation,
        max_length=max_length if truncation else None,
    )
    require_length(encoded, max_length)
    word_ids = [encoded.word_ids(row) for row in range(len(sentences))]
    return {
        **encoded,
        "word_ids": [[NO_WORD if word is None else word for word in row] for row in word_ids],
    }


def token_labels(
    word_ids: Sequence[int], tags: Sequence[int], inside: Sequence[int] | None
) -> list[int]:
    """Return the label of each token of a sentence, -100 for special tokens.

    Args:
        word_ids: the word id of each token.
        tags: the tag id of each word.
        inside: the label of further tokens of a word, by its tag id; None: -100.
    """
    labels = []
    before = NO_WORD
    for word in word_ids:
        if word == NO_WORD:
            labels.append(IGNORE_INDEX)
        elif word != before:
            labels.append(tags[word])
        else:
            labels.append(IGNORE_INDEX if inside is None else inside[tags[word]])
        before = word
    return labels


def inside_tags(names: Sequence[str]) -> list[int]:
    """Return for each tag the tag id of further tokens of a word: `I-…` for `B-…`, else itself."""
    numbers = {name: number for number, name in enumerate(names)}
    return [
        numbers.get(f"I-{name[2:]}", number) if name.startswith("B-") else number
        for name, number in numbers.items()
    ]


def require_equal_lengths(words: Sequence[str], tags: Sequence[object]) -> None:
    """Check that a sentence has one tag per word; raises ConfigurationError if not."""
    if len(words) != len(tags):
        raise ConfigurationError(
            f"a sentence has {len(words)} words but {len(tags)} tags "
            f"({' '.join(words)[:60]} …): correct the data"
        )
