"""Text for causal language modeling, in rows of whole documents or cut into blocks."""

from typing import Any, ClassVar, Literal

from datasets import Dataset

from lightning_transformers.core.collate import CausalCollator
from lightning_transformers.core.packing import VERSION, tokenize, tokenize_and_pack
from lightning_transformers.core.sources import Rows
from lightning_transformers.core.text import TextDataModule
from lightning_transformers.errors import ConfigurationError
from lightning_transformers.task.nlp.language_modeling.documents import (
    DOCUMENTS_AT_ONCE,
    arrange_documents,
    tokenize_documents,
)
from lightning_transformers.task.nlp.language_modeling.separation import SeparationCheck

ASSETS = "pkg://lightning_transformers/assets/language_modeling"


class LanguageModelingDataModule(TextDataModule):
    """Puts the texts into rows of at most `block_size` tokens, as `packing` says."""

    text_column: str = "text"
    block_size: int | None = None
    """Tokens in an example; the model's longest input by default."""
    append_eos: bool = True
    """End every row with the end-of-sequence token; off where a row is no whole document."""
    packing: Literal["documents", "blocks", "none"] = "documents"
    """What an example is: as many whole documents as fit, none of which sees another; a block of
    the texts one after another, in which all see what stands before; or one document."""

    sample_files: ClassVar[dict[str, str]] = {
        "train": f"{ASSETS}/train.txt",
        "validation": f"{ASSETS}/validation.txt",
    }

    def setup(self, stage: str) -> None:
        """Build the dataset, and have the trainer check that the model keeps documents apart."""
        super().setup(stage)
        if self.packing == "documents" and self.trainer is not None:
            callbacks: list[Any] = self.trainer.callbacks  # type: ignore[attr-defined]
            if not any(isinstance(callback, SeparationCheck) for callback in callbacks):
                callbacks.insert(0, SeparationCheck())

    def process_split(self, split: str, rows: Rows) -> Rows:
        """Return the rows as examples of `input_ids`; those to predict on one by one."""
        self.require_text(split, rows, text_column=self.text_column)
        if split == "predict":
            return self.map_rows(
                split, rows, tokenize, tokenizer=self.tokenizer, text_column=self.text_column
            )
        examples = (
            self.blocks(split, rows) if self.packing == "blocks" else self.arranged(split, rows)
        )
        if isinstance(examples, Dataset) and len(examples) == 0:
            raise ConfigurationError(f"the {split} set has no text in column '{self.text_column}'")
        return examples.with_format("torch")

    def blocks(self, split: str, rows: Rows) -> Rows:
        """Return the texts, one after another, cut into blocks."""
        return self.map_rows(
            split,
            rows.with_format("arrow"),
            tokenize_and_pack,
            tokenizer=self.tokenizer,
            text_column=self.text_column,
            block_size=self.longest_block(),
            append_eos=self.append_eos,
            version=VERSION,
        )

    def arranged(self, split: str, rows: Rows) -> Rows:
        """Return the texts as documents, several to a row or one."""
        documents = self.map_rows(
            split,
            rows.with_format("arrow"),
            tokenize_documents,
            tokenizer=self.tokenizer,
            text_column=self.text_column,
            append_eos=self.append_eos,
        )
        return self.map_rows(
            split,
            documents,
            arrange_documents,
            rows_at_once=DOCUMENTS_AT_ONCE,
            block_size=self.longest_block(),
            together=self.packing == "documents",
        )

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
