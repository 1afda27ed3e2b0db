"""The data modules on text: tokenizer, lengths, checks of columns, padding."""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from datasets import Dataset
from pydantic import PositiveInt
from transformers import PreTrainedTokenizerBase

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.base.types import Row
from lightning_transformers.core.data import TransformerDataModule
from lightning_transformers.data.collators import PaddingCollator, padding_token_id
from lightning_transformers.data.loading import AnyDataset
from lightning_transformers.data.texts import LINE, TEXT_TYPES, without_lines

UNKNOWN_LENGTH = int(1e20)  # what a tokenizer says that knows no limit is larger still


class TextDataModule(TransformerDataModule):
    """Data of a task on text; the processor is a tokenizer."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, **hyperparameters: object) -> None:
        super().__init__(tokenizer, **hyperparameters)
        self.tokenizer = tokenizer

    @property
    def model_data_kwargs(self) -> dict[str, Any]:
        """Return the size that the model's vocabulary needs at least."""
        return {**super().model_data_kwargs, "vocab_size": len(self.tokenizer)}

    def max_positions(self) -> int | None:
        """Return the longest input in tokens that the model takes, as far as that is known.

        The tokenizer's word counts as well as the model's: RoBERTa has two positions more than
        may be used.
        """
        positions = getattr(self.known_config(), "max_position_embeddings", None)
        limits = [self.tokenizer.model_max_length, positions]
        known = [int(limit) for limit in limits if limit is not None and 0 < limit < UNKNOWN_LENGTH]
        return min(known, default=None)

    def checked_length(self, hyperparameter: str, length: int | None) -> int:
        """Return a length in tokens, or where it is None the longest input the model takes.

        Raises:
            ConfigurationError: if the model does not take it, or nobody knows what it takes.
        """
        longest = self.max_positions()
        if longest is None and length is None:
            raise ConfigurationError(
                "neither the model nor its tokenizer says how long an input may be: "
                f"set dataset.{hyperparameter}=<tokens>"
            )
        if longest is not None and length is not None and length > longest:
            raise ConfigurationError(
                f"dataset.{hyperparameter}={length} is longer than the model's {longest} "
                f"positions: set dataset.{hyperparameter}={longest} or less"
            )
        return length or longest or 0

    def predict_rows(self, inputs: Sequence[object]) -> list[Row]:
        """Return texts, lines of a txt file and mappings as rows; a text is the main column's."""
        column = self.input_column()
        values = without_lines(inputs)
        rows = [value if isinstance(value, dict) else {column: value} for value in values]
        for row in rows:
            if not row.get(column):
                raise ConfigurationError(
                    f'nothing to predict on in {row}: give +x="some text", or a mapping with '
                    f"'{column}'"
                )
        return rows

    def input_column(self) -> str:
        """Return the column of a text to predict on: `text_column`, where the class has one."""
        return getattr(self, "text_column", None) or LINE

    def require_text(self, split: str, rows: AnyDataset, **columns: str | None) -> None:
        """Check that the rows have the columns that hyperparameters name, and that these hold text.

        Raises:
            ConfigurationError: naming the first that does not.
        """
        self.require_columns(split, rows, **columns)
        for hyperparameter, column in columns.items():
            if column is None or not isinstance(rows, Dataset):
                continue
            if rows.data.column(column).null_count == len(rows):
                raise ConfigurationError(f"the {split} set has no text in column '{column}'")
            kind = getattr(rows.features[column], "dtype", "a structure")
            if kind not in TEXT_TYPES:
                raise ConfigurationError(
                    f"the column '{column}' of the {split} set is {kind}, not text: "
                    f"set dataset.{hyperparameter}=<column>"
                )


class PaddedTextDataModule(TextDataModule):
    """Data of a task in which each row is an input of its own, cut and padded."""

    max_length: PositiveInt | None = None
    """Tokens in an input at most; the longest that the model takes by default."""
    truncation: bool = True
    """Cut longer inputs; where it is off, one is an error."""
    padding: Literal["longest", "max_length"] = "longest"
    """Pad to the longest input of the batch, or always to `max_length`."""

    collator_type: ClassVar[type[PaddingCollator]] = PaddingCollator

    @property
    def collate_fn(self) -> PaddingCollator:
        """Return the collator, which pads inputs with the padding token and labels with -100."""
        length = self.longest_input() if self.padding == "max_length" else None
        return self.collator_type(self.tokenizer, length)

    @property
    def model_data_kwargs(self) -> dict[str, Any]:
        """Return the padding token as well, which GPT-2 has none of."""
        return {**super().model_data_kwargs, "pad_token_id": padding_token_id(self.tokenizer)}

    def longest_input(self) -> int:
        """Return `max_length`, or by default the longest input that the model takes."""
        return self.checked_length("max_length", self.max_length)
