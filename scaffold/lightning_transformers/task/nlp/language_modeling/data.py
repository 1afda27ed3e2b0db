"""Text for causal language modeling, packed into blocks."""

from typing import ClassVar

from datasets import Dataset

from lightning_transformers.core.collate import CausalCollator
from lightning_transformers.core.packing import VERSION, tokenize, tokenize_and_pack
from lightning_transformers.core.sources import Rows
from lightning_transformers.core.text import TextDataModule
from lightning_transformers.errors import ConfigurationError

ASSETS = "pkg://lightning_transformers/assets/language_modeling"


class LanguageModelingDataModule(TextDataModule):
    """Concatenates the texts and cuts them into blocks of `block_size` tokens."""

    text_column: str = "text"
    block_size: int | None = None
    """Tokens in an example; the model's longest input by default."""
    append_eos: bool = True
    """End every row with the end-of-sequence token; off where a row is no whole document."""

    sample_files: ClassVar[dict[str, str]] = {
        "train": f"{ASSETS}/train.txt",
        "validation": f"{ASSETS}/validation.txt",
    }

    def process_split(self, split: str, rows: Rows) -> Rows:
        """Return the rows as blocks of `input_ids`; those to predict on one by one."""
        self.require_text(split, rows, text_column=self.text_column)
        if split == "predict":
            return self.map_rows(
                split, rows, tokenize, tokenizer=self.tokenizer, text_column=self.text_column
            )
        blocks = self.map_rows(
            split,
            rows.with_format("arrow"),
            tokenize_and_pack,
            tokenizer=self.tokenizer,
            text_column=self.text_column,
            block_size=self.longest_block(),
            append_eos=self.append_eos,
            version=VERSION,
        )
        if isinstance(blocks, Dataset) and len(blocks) == 0:
            raise ConfigurationError(f"the {split} set has no text in column '{self.text_column}'")
        return blocks.with_format("torch")

    @property
    def collate_fn(self) -> CausalCollator:
        """Return the collator, which pads with the padding token or, without one, the end."""
        return CausalCollator(self.tokenizer)

    def input_column(self) -> str:
        """Return the column of the text."""
        return self.text_column

    def longest_block(self) -> int:
        """Return `block_size`, or by default the longest input that the model takes."""
        if self.block_size is not None and self.block_size < 2:
            raise ConfigurationError(
                f"dataset.block_size={self.block_size} leaves no token to predict: at least 2"
            )
        return self.checked_length("block_size", self.block_size)
