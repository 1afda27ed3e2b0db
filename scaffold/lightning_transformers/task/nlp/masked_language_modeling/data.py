"""Text for masked language modeling: rows, or blocks cut from all of them."""

from typing import Annotated, ClassVar

from datasets import Dataset
from pydantic import Field
from transformers import PreTrainedTokenizerBase

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.data.loading import AnyDataset, shipped_files
from lightning_transformers.task.nlp.masked_language_modeling.encoding import (
    encode_blocks,
    encode_prompts,
)
from lightning_transformers.task.nlp.masked_language_modeling.masking import (
    MaskingCollator,
    TokenMasker,
)
from lightning_transformers.task.nlp.masked_language_modeling.tokens import tells_words_apart
from lightning_transformers.task.shared.text import PaddedTextDataModule


class MaskedLanguageModelingDataModule(PaddedTextDataModule):
    """Hides words in blocks of text, or in rows.

    In training others are hidden in each epoch. In validation and test it is the same ones each
    time, which depend on the text alone, so that the losses of epochs and of runs compare.
    """

    text_column: str = "text"
    line_by_line: bool = False
    """Make each row an example, instead of joining them and cutting blocks of `max_length`."""
    mlm_probability: Annotated[float, Field(gt=0, le=1)] = 0.15
    """Share of the tokens, or words, to hide."""
    whole_word_mask: bool = False
    """Hide all tokens of a word, which are those that the tokenizer's first step leaves together,
    instead of single tokens."""

    sample_files: ClassVar[dict[str, str]] = shipped_files("summarization")

    def __init__(self, tokenizer: PreTrainedTokenizerBase, **hyperparameters: object) -> None:
        super().__init__(tokenizer, **hyperparameters)
        if tokenizer.mask_token_id is None:
            raise ConfigurationError(
                f"the tokenizer '{tokenizer.name_or_path}' has no mask token: choose a model that "
                "was trained with one, backbone.pretrained_model_name_or_path=bert-base-cased"
            )
        if self.whole_word_mask and not tells_words_apart(tokenizer):
            raise ConfigurationError(
                f"the tokenizer '{tokenizer.name_or_path}' does not tell words apart: "
                "set dataset.whole_word_mask=false"
            )

    def process_split(self, split: str, rows: AnyDataset) -> AnyDataset:
        """Return the rows as examples; words are hidden already, except in those to train on."""
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
            raise ConfigurationError(f"the {split} set has no text in column '{self.text_column}'")
        return examples

    def token_masker(self) -> TokenMasker:
        """Return what hides words."""
        return TokenMasker(self.tokenizer, self.mlm_probability)

    @property
    def collate_fn(self) -> MaskingCollator:
        """Return the collator, which hides words of the examples to train on."""
        length = self.longest_input() if self.padding == "max_length" else None
        return MaskingCollator(self.tokenizer, length, self.token_masker())
