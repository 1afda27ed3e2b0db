"""Data module of masked language modeling: rows of text, or blocks of all rows."""

from collections.abc import Sequence
from typing import Annotated, ClassVar

from datasets import Dataset
from pydantic import Field
from transformers import PreTrainedTokenizerBase

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.base.types import Row
from lightning_transformers.data.loading import AnyDataset, shipped_files
from lightning_transformers.task.nlp.masked_language_modeling.encoding import (
    encode_blocks,
    encode_prompts,
    with_mask_tokens,
)
from lightning_transformers.task.nlp.masked_language_modeling.masking import (
    MaskingCollator,
    TokenMasker,
)
from lightning_transformers.task.nlp.masked_language_modeling.tokens import gives_word_ids
from lightning_transformers.task.shared.text import PaddedTextDataModule, no_text


class MaskedLanguageModelingDataModule(PaddedTextDataModule):
    """Masks tokens in blocks of text, or in rows.

    Training masks are drawn anew in each epoch. Validation and test masks depend only on the text,
    so that losses are comparable between epochs and runs. A batch has `input_ids`,
    `attention_mask` and `labels`, each (batch, seq), int64; labels are -100 for unmasked tokens.
    """

    text_column: str = "text"
    """Column of the texts."""
    line_by_line: bool = False
    """Make each row an example, instead of concatenating the rows and cutting blocks of
    `max_length`."""
    mlm_probability: Annotated[float, Field(gt=0, le=1)] = 0.15
    """Fraction of the tokens, or with `whole_word_mask` of the words, to mask."""
    whole_word_mask: bool = False
    """Mask all tokens of a word, as the tokenizer's pre-tokenizer splits words, not single ones."""

    sample_files: ClassVar[dict[str, str]] = shipped_files("summarization")

    def __init__(self, tokenizer: PreTrainedTokenizerBase, **hyperparameters: object) -> None:
        super().__init__(tokenizer, **hyperparameters)
        if tokenizer.mask_token_id is None:
            raise ConfigurationError(
                f"the tokenizer '{tokenizer.name_or_path}' has no mask token: choose a masked "
                "language model, such as backbone.pretrained_model_name_or_path=bert-base-cased"
            )
        if self.whole_word_mask and not gives_word_ids(tokenizer):
            raise ConfigurationError(
                f"the tokenizer '{tokenizer.name_or_path}' gives no word boundaries: "
                "set dataset.whole_word_mask=false"
            )

    def process_split(self, split: str, rows: AnyDataset) -> AnyDataset:
        """Return tokenized examples, masked except in `train`, which the collator masks.

        Raises:
            ConfigurationError: if the split has no text.
        """
        self.require_text(split, rows, text_column=self.text_column)
        if split == "predict":
            return self.map_rows(
                split,
                rows,
                encode_prompts,
                tokenizer=self.tokenizer,
                text_column=self.text_column,
                max_length=self.longest_input(),
                truncation=self.truncation,
            )
        examples = self.map_rows(
            split,
            rows,
            encode_blocks,
            tokenizer=self.tokenizer,
            text_column=self.text_column,
            line_by_line=self.line_by_line,
            max_length=self.longest_input(),
            truncation=self.truncation,
            whole_word_mask=self.whole_word_mask,
            mask=None if split == "train" else self.token_masker(),
        )
        if isinstance(examples, Dataset) and len(examples) == 0:
            raise no_text(split, "text_column", self.text_column)
        if self.line_by_line:
            self.report_truncated(split, examples)
        return examples

    def predict_rows(self, inputs: Sequence[object]) -> list[Row]:
        """Return texts and mappings as rows, see `TextDataModule.predict_rows`.

        Raises:
            ConfigurationError: for an input without text or without a mask token.
        """
        rows = super().predict_rows(inputs)
        for row in rows:
            with_mask_tokens(row[self.text_column], self.tokenizer)
        return rows

    def token_masker(self) -> TokenMasker:
        """Return the function that masks the tokens of an example; override to mask differently."""
        return TokenMasker(self.tokenizer, self.mlm_probability)

    def rows_of_examples(self, split: str, rows: Dataset) -> Sequence[int] | None:
        """Return None: an example has tokens of several rows, or of a part of one."""
        return None

    @property
    def collate_fn(self) -> MaskingCollator:
        """Return the collator, which masks training examples."""
        length = self.longest_input() if self.padding == "max_length" else None
        collator = MaskingCollator(self.tokenizer, length, self.token_masker())
        collator.left = self.pads_left()
        return collator
