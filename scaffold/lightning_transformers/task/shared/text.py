"""Base classes of data modules for text: tokenizer, lengths, column checks, padding."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from datasets import Dataset
from pydantic import PositiveInt
from transformers import PreTrainedTokenizerBase

from lightning_transformers.base.errors import ConfigurationError, NoTextError
from lightning_transformers.base.types import Row
from lightning_transformers.core.data import TransformerDataModule
from lightning_transformers.data.collators import PaddingCollator, padding_token_id
from lightning_transformers.data.complete import Check, not_a_text
from lightning_transformers.data.loading import AnyDataset
from lightning_transformers.data.texts import LINE, TEXT_TYPES, input_text, is_line

UNKNOWN_LENGTH = int(1e20)
"""`model_max_length` of a tokenizer without a limit is larger than this."""


def with_limit(tokenizer: PreTrainedTokenizerBase, length: int) -> PreTrainedTokenizerBase:
    """Return a copy of a tokenizer that truncates inputs at a length in tokens."""
    copied = copy.deepcopy(tokenizer)
    copied.model_max_length = length
    return copied


def no_text(split: str, hyperparameter: str, column: str) -> NoTextError:
    """Return the error, to be raised, for a column of a split in which every value is missing.

    Args:
        split: name of the split.
        hyperparameter: name of the hyperparameter that names the column.
        column: the column without text.
    """
    return NoTextError(
        f"the {split} set has no text in column '{column}': set dataset.{hyperparameter}=<column>"
    )


class TextDataModule(TransformerDataModule):
    """Data of a text task; the processor is a tokenizer.

    Args:
        tokenizer: the tokenizer of the backbone.
        hyperparameters: those that the class declares.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, **hyperparameters: object) -> None:
        super().__init__(tokenizer, **hyperparameters)
        self.tokenizer = tokenizer

    @property
    def model_data_kwargs(self) -> dict[str, Any]:
        """Return `vocab_size`, the minimum size of the model's vocabulary."""
        return {**super().model_data_kwargs, "vocab_size": len(self.tokenizer)}

    def pads_left(self) -> bool:
        """Return whether to pad on the left: only if the classification token comes last (XLNet).

        On the left, padding shifts the positions of GPT-2 and BERT; a tokenizer pads there for
        generation.
        """
        if self.formulas < 2:
            return self.tokenizer.padding_side == "left"
        cls = self.tokenizer.cls_token_id
        return cls is not None and self.tokenizer("a")["input_ids"][-1] == cls

    def max_positions(self) -> int | None:
        """Return the maximum input length in tokens, or None if it is unknown.

        It is the smaller limit of model and tokenizer: two positions of RoBERTa are unusable.
        """
        positions = getattr(self.known_config(), "max_position_embeddings", None)
        limits = [self.tokenizer.model_max_length, positions]
        known = [int(limit) for limit in limits if limit is not None and 0 < limit < UNKNOWN_LENGTH]
        return min(known, default=None)

    def checked_length(self, hyperparameter: str, length: int | None) -> int:
        """Return a length in tokens; if None, the limit of the model and its tokenizer.

        Args:
            hyperparameter: name of the hyperparameter, for the error message.
            length: value of the hyperparameter.

        Raises:
            ConfigurationError: if the length exceeds the limit, or is None and the limit unknown.
        """
        longest = self.max_positions()
        if longest is None and length is None:
            raise ConfigurationError(
                "the maximum input length of the model and its tokenizer is unknown: "
                f"set dataset.{hyperparameter}=<tokens>"
            )
        if longest is not None and length is not None and length > longest:
            raise ConfigurationError(
                f"dataset.{hyperparameter}={length} exceeds the limit of the model and its "
                f"tokenizer, {longest} tokens: set dataset.{hyperparameter}={longest} or less"
            )
        return length or longest or 0

    def required_columns(self, split: str, rows: AnyDataset) -> Mapping[str, Check]:
        """Return `input_columns()`; by default a text may be missing."""
        return dict.fromkeys(self.input_columns(), not_a_text)

    def predict_rows(self, inputs: Sequence[object]) -> list[Row]:
        """Return inputs to predict on as rows.

        Args:
            inputs: each a text, or a mapping with the keys `input_columns()`. A row of a txt file,
                `{"text": …}`, counts as a text whatever that column is.

        Returns:
            The mappings, and `{input_column(): text}` for each text; numbers in place of texts are
            converted.

        Raises:
            ConfigurationError: for an input without text in one of `input_columns()`.
        """
        columns = self.input_columns()
        return [
            {**row, **{column: input_text(row, column, columns) for column in columns}}
            for row in map(self.input_row, inputs)
        ]

    def input_row(self, value: Any) -> Row:
        """Return an input to predict on as a row: a text, or any other value, as `input_column()`.

        Args:
            value: a text or a mapping.
        """
        if is_line(value):
            value = value[LINE]
        return dict(value) if isinstance(value, Mapping) else {self.input_column(): value}

    def input_columns(self) -> Sequence[str]:
        """Return `input_column()` only, unless a subclass has several."""
        return [self.input_column()]

    def input_column(self) -> str:
        """Return the column of a text to predict on: `text_column`, or `text` if it is None."""
        return getattr(self, "text_column", None) or LINE

    def require_text(self, split: str, rows: AnyDataset, **columns: str | None) -> None:
        """Check that columns exist and contain text.

        Args:
            split: name of the split, for the error message.
            rows: the rows; of a stream, only the existence of the columns is checked.
            columns: column by the hyperparameter that names it; None is not checked.

        Raises:
            ConfigurationError: for the first missing, empty or non-text column.
        """
        self.require_columns(split, rows, **columns)
        for hyperparameter, column in columns.items():
            if column is None or not isinstance(rows, Dataset):
                continue
            if rows.data.column(column).null_count == len(rows):
                raise no_text(split, hyperparameter, column)
            kind = getattr(rows.features[column], "dtype", "a structure")
            if kind not in TEXT_TYPES:
                raise ConfigurationError(
                    f"column '{column}' of the {split} set is {kind}, not text: "
                    f"set dataset.{hyperparameter}=<column>"
                )


class PaddedTextDataModule(TextDataModule):
    """Data of a task with one input per row, truncated and padded.

    A batch has `input_ids`, `attention_mask` and other tokenizer outputs, each (batch, seq), int64.
    """

    max_length: PositiveInt | None = None
    """Maximum tokens in an input; None: the model's maximum."""
    truncation: bool = True
    """Truncate longer inputs; if False, they are an error."""
    padding: Literal["longest", "max_length"] = "longest"
    """Pad to the longest input of the batch, or to `max_length`."""

    collator_type: ClassVar[type[PaddingCollator]] = PaddingCollator

    @property
    def collate_fn(self) -> PaddingCollator:
        """Return the collator, which pads inputs with the padding token and labels with -100."""
        length = self.longest_input() if self.padding == "max_length" else None
        collator = self.collator_type(self.tokenizer, length)
        collator.left = self.pads_left()
        return collator

    @property
    def model_data_kwargs(self) -> dict[str, Any]:
        """Return also `pad_token_id`, which the config of GPT-2 lacks."""
        return {**super().model_data_kwargs, "pad_token_id": padding_token_id(self.tokenizer)}

    def report_truncated(self, split: str, examples: AnyDataset) -> None:
        """Log the share of examples that `max_length` cuts."""
        self.notices.truncated(split, examples, self.longest_input(), "max_length")

    def processor_to_export(self) -> PreTrainedTokenizerBase:
        """Return a copy of the tokenizer with `longest_input` as its limit."""
        return with_limit(self.tokenizer, self.longest_input())

    def longest_input(self) -> int:
        """Return `max_length`; if None, the model's maximum input length.

        Raises:
            ConfigurationError: if it exceeds the model's maximum, or neither is known.
        """
        return self.checked_length("max_length", self.max_length)
