"""Sentences as words, with a tag for each word."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from datasets import Dataset, DatasetDict
from transformers import PreTrainedTokenizerBase

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.base.types import Row
from lightning_transformers.data.collators import IGNORE_INDEX, PaddingCollator
from lightning_transformers.data.loading import AnyDataset, column_names, shipped_files
from lightning_transformers.data.texts import TEXT_TYPES
from lightning_transformers.task.nlp.token_classification.encoding import NO_WORD, encode_words
from lightning_transformers.task.nlp.token_classification.sentences import (
    SEPARATED,
    Sentence,
    listed,
    read_lines,
)
from lightning_transformers.task.shared.labels import LabelledData
from lightning_transformers.task.shared.text import PaddedTextDataModule


class TokenClassificationDataModule(LabelledData, PaddedTextDataModule):
    """Encodes the words of a sentence with their tags.

    Words and tags are lists of the same length, or texts with spaces between them, which a csv can
    hold; or the lines of a txt file begin with a word and end with its tag. The first token of a
    word has its tag as label, the others none.
    """

    tokens_column: str = "tokens"
    """The column of the words."""
    label_column: str = "ner_tags"
    """The column of the tags."""
    label_all_tokens: bool = False
    """Label all tokens of a word; after the first, the tag `B-…` becomes `I-…`."""

    sample_files: ClassVar[dict[str, str]] = shipped_files("token_classification")

    def load_dataset(self) -> DatasetDict:
        """Return the raw splits, those from txt files as sentences with tags."""
        loaded = super().load_dataset()
        return DatasetDict({split: self.sentences(split, rows) for split, rows in loaded.items()})

    def sentences(self, split: str, rows: AnyDataset) -> AnyDataset:
        """Return the lines of a txt file as sentences, and other rows as they are."""
        file = self.named_files().get(split, "")
        if split == "predict" or not file.lower().endswith(".txt"):
            return rows
        read = read_lines((row["text"] for row in rows), f"the {split} file '{file}'")
        return Dataset.from_list(
            [{self.tokens_column: words, self.label_column: tags} for words, tags in read]
        )

    def process_split(self, split: str, rows: AnyDataset) -> AnyDataset:
        """Return the sentences as inputs with `word_ids`, and with `labels` and `word_tags`."""
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
            raise ConfigurationError(f"the {split} set has no words in '{self.tokens_column}'")
        return encoded

    def require_words(self, split: str, rows: AnyDataset) -> None:
        """Check that the rows have words, and tags where they need them."""
        label = self.label_column if split != "predict" else None
        self.require_columns(split, rows, tokens_column=self.tokens_column, label_column=label)
        feature = (rows.features or {}).get(self.tokens_column)
        kind = getattr(getattr(feature, "feature", feature), "dtype", "string")
        if kind not in (*TEXT_TYPES, "null"):
            raise ConfigurationError(
                f"the column '{self.tokens_column}' of the {split} set is {kind}, not words: set "
                "dataset.tokens_column=<column>"
            )

    def word_tokenizer(self) -> PreTrainedTokenizerBase:
        """Return the tokenizer, which has to tell which word a token belongs to."""
        if not self.tokenizer.is_fast:
            raise ConfigurationError(
                f"{type(self.tokenizer).__name__} does not tell which word a token belongs to: set "
                "tokenizer.use_fast=true, or take another backbone"
            )
        return self.tokenizer

    def label_values(self, values: Iterable[Any]) -> Iterable[Any]:
        """Return the tags in the values of the column."""
        return (tag for value in values for tag in listed(value) if tag is not None)

    @property
    def collate_fn(self) -> PaddingCollator:
        """Return the collator, which pads what tells of words as well."""
        collator = super().collate_fn
        collator.left = False  # the first words have to stand side by side
        collator.padding |= {"word_ids": NO_WORD, "word_tags": IGNORE_INDEX}
        return collator

    def predict_rows(self, inputs: Sequence[object]) -> list[Row]:
        """Return texts, and mappings with words or a text, as rows of words."""
        return [{self.tokens_column: self.sentence(value).words} for value in inputs]

    def sentence(self, value: Any) -> Sentence:
        """Return the words of an input to predict on.

        Args:
            value: a text, or a mapping with the column of words or with `text`.

        Raises:
            ConfigurationError: for an input without words.
        """
        row = value if isinstance(value, Mapping) else {"text": value}
        words, text = row.get(self.tokens_column), row.get("text")
        if isinstance(words, str):
            found = Sentence.in_text(words, SEPARATED)
        elif words is not None:
            found = Sentence.of_words(words)
        else:
            found = Sentence.in_text(text if isinstance(text, str) else "")
        if not found.words:
            raise ConfigurationError(
                f'no words to predict on in {value!r}: give +x="some text", or a mapping with '
                f"'{self.tokens_column}'"
            )
        return found
