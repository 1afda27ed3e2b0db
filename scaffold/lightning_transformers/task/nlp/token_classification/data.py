"""Data module of token classification: sentences with a tag for each word."""

import reprlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

from datasets import Dataset, Json
from transformers import PreTrainedTokenizerBase

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.base.types import Row
from lightning_transformers.data.collators import IGNORE_INDEX, PaddingCollator
from lightning_transformers.data.complete import Check
from lightning_transformers.data.exported_tokenizer import edited_tokenizer, split_words_first
from lightning_transformers.data.loading import AnyDataset, column_names, shipped_files
from lightning_transformers.data.reading.dialect import ReadOptions
from lightning_transformers.data.texts import TEXT_TYPES
from lightning_transformers.task.nlp.token_classification.encoding import NO_WORD, encode_words
from lightning_transformers.task.nlp.token_classification.sentences import (
    WHITESPACE_WORDS,
    WORDS_AND_PUNCTUATION,
    Sentence,
    split_words,
)
from lightning_transformers.task.shared.labels import LabelledData
from lightning_transformers.task.shared.text import PaddedTextDataModule, no_text, with_limit


class TokenClassificationDataModule(LabelledData, PaddedTextDataModule):
    """Tokenizes the words of a sentence, and labels the first token of each word with its tag.

    Words and tags are lists of equal length, or texts separated by spaces; in a txt file, each
    line begins with a word and ends with its tag, as in CoNLL-2003. A batch has `input_ids`,
    `attention_mask`, `labels` and `word_ids`, each (batch, seq), and `word_tags` (batch, words),
    int64; the latter two are -1 and -100 where there is no word.
    """

    tokens_column: str = "tokens"
    """Column of the words."""
    label_column: str = "ner_tags"
    """Column of the tags."""
    label_all_tokens: bool = False
    """Label all tokens of a word, not only the first; after it, `B-…` becomes `I-…`."""

    sample_files: ClassVar[dict[str, str]] = shipped_files("token_classification")

    def read_options(self, split: str) -> ReadOptions:
        """Return how to read files: a txt file has a word with its tag per line, as CoNLL-2003."""
        unit = self.text_unit if split == "predict" else "sentence"
        columns = (self.tokens_column, self.label_column)
        return replace(super().read_options(split), text_unit=unit, word_columns=columns)

    def stratified_column(self) -> None:
        """Refuse `stratify` by a ConfigurationError, since a sentence has several tags."""
        if self.stratify:
            raise ConfigurationError(
                "dataset.stratify=true requires one class per row, but a sentence has several: "
                "remove it"
            )

    def process_split(self, split: str, rows: AnyDataset) -> AnyDataset:
        """Return tokenized sentences with `word_ids`, and except for `predict` with labels.

        Raises:
            ConfigurationError: if the split has no words.
        """
        labelled = split != "predict"
        if not labelled and self.tokens_column not in column_names(rows):
            rows = Dataset.from_list(self.predict_rows(list(rows)))
        self.require_words(split, rows)
        encoded = self.map_rows(
            split,
            rows,
            encode_words,
            tokenizer=self.word_tokenizer(),
            tokens=self.tokens_column,
            max_length=self.longest_input(),
            truncation=self.truncation,
            label=self.label_column if labelled else None,
            labels=self.label_encoder(split, rows) if labelled else None,
            label_all_tokens=self.label_all_tokens,
        )
        if isinstance(encoded, Dataset) and len(encoded) == 0:
            raise no_text(split, "tokens_column", self.tokens_column)
        self.report_truncated(split, encoded)
        return encoded

    def rows_of_examples(self, split: str, rows: Dataset) -> Sequence[int] | None:
        """Return the indices of the sentences with words."""
        words = enumerate(rows[self.tokens_column])
        return [number for number, value in words if split_words(value)]

    def required_columns(self, split: str, rows: AnyDataset) -> Mapping[str, Check]:
        """Return the column of the tags, unless it has lists and texts."""
        is_mixed = isinstance((rows.features or {}).get(self.label_column), Json)
        return {} if is_mixed else super().required_columns(split, rows)

    def require_words(self, split: str, rows: AnyDataset) -> None:
        """Check that a split has columns of words and, except for `predict`, of tags.

        Raises:
            ConfigurationError: for a missing column, or words of another type.
        """
        label = self.label_column if split != "predict" else None
        self.require_columns(split, rows, tokens_column=self.tokens_column, label_column=label)
        feature = (rows.features or {}).get(self.tokens_column)
        kind = getattr(getattr(feature, "feature", feature), "dtype", "string")
        if kind not in (*TEXT_TYPES, "null"):
            raise ConfigurationError(
                f"column '{self.tokens_column}' of the {split} set is {kind}, not words: set "
                "dataset.tokens_column=<column>"
            )

    def word_tokenizer(self) -> PreTrainedTokenizerBase:
        """Return the tokenizer; raises ConfigurationError if it is not a fast one."""
        if not self.tokenizer.is_fast:
            raise ConfigurationError(
                f"{type(self.tokenizer).__name__} gives no word ids: set tokenizer.use_fast=true "
                "or choose another backbone"
            )
        return self.tokenizer

    def processor_to_export(self) -> PreTrainedTokenizerBase:
        """Return a copy of the tokenizer that splits texts into words as `predict` does.

        Raises:
            ConfigurationError: if the tokenizer is not a fast one.
        """
        limited = with_limit(self.word_tokenizer(), self.longest_input())
        pattern = WORDS_AND_PUNCTUATION.pattern
        return edited_tokenizer(limited, partial(split_words_first, pattern=pattern))

    def label_values(self, values: Iterable[Any]) -> Iterable[Any]:
        """Return the tags in the values of the label column, which are lists or texts."""
        return (tag for value in values for tag in split_words(value) if tag is not None)

    @property
    def collate_fn(self) -> PaddingCollator:
        """Return the collator, which pads on the right, also `word_ids` and `word_tags`."""
        collator = super().collate_fn
        collator.left = False  # word_ids index word_tags, whose padding is on the right
        collator.padding |= {"word_ids": NO_WORD, "word_tags": IGNORE_INDEX}
        return collator

    def predict_rows(self, inputs: Sequence[object]) -> list[Row]:
        """Return texts, and mappings with words or a `text`, as rows of words.

        Raises:
            ConfigurationError: for an input without words.
        """
        return [{self.tokens_column: self.sentence(value).words} for value in inputs]

    def input_columns(self) -> Sequence[str]:
        """Return the column of the words."""
        return [self.tokens_column]

    def sentence(self, value: Any) -> Sentence:
        """Return the words of an input to predict on.

        Args:
            value: a text, or a mapping with `tokens_column` or with `text`.

        Raises:
            ConfigurationError: for an input without words.
        """
        row = value if isinstance(value, Mapping) else {"text": value}
        words, text = row.get(self.tokens_column), row.get("text")
        if isinstance(words, str):
            found = Sentence.in_text(words, WHITESPACE_WORDS)
        elif words is not None:
            found = Sentence.of_words(words)
        else:
            found = Sentence.in_text("" if text is None else str(text))
        if not found.words:
            raise ConfigurationError(
                f"input {reprlib.repr(value)} has no words: give a text, or a mapping with "
                f"'{self.tokens_column}'"
            )
        return found
