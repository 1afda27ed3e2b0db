"""Text for causal language modeling, packed into blocks."""

from typing import ClassVar

from datasets import Dataset, DatasetDict
from transformers import PreTrainedTokenizerBase

from lightning_transformers.core import TransformerDataModule
from lightning_transformers.core.collate import CausalCollator
from lightning_transformers.core.packing import VERSION, tokenize_and_pack
from lightning_transformers.errors import ConfigurationError

TEXT_TYPES = ("string", "large_string")
ASSETS = "pkg://lightning_transformers/assets/language_modeling"


class LanguageModelingDataModule(TransformerDataModule):
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

    def process_data(self, dataset: DatasetDict) -> DatasetDict:
        """Return the splits as blocks of `input_ids`."""
        return DatasetDict({split: self._blocks(split, rows) for split, rows in dataset.items()})

    @property
    def collate_fn(self) -> CausalCollator:
        """Return the collator, which pads with the padding token or, without one, the end."""
        return CausalCollator(padding_token_id(self.tokenizer))

    def longest_block(self) -> int:
        """Return `block_size`, or by default the longest input that the model takes."""
        longest = self.max_positions()
        if self.block_size is None:
            if longest is None:
                raise ConfigurationError(
                    "neither the model nor its tokenizer says how long an input may be: "
                    "set dataset.block_size=<tokens>"
                )
            return longest
        if self.block_size < 2:
            raise ConfigurationError(
                f"dataset.block_size={self.block_size} leaves no token to predict: at least 2"
            )
        if longest is not None and self.block_size > longest:
            raise ConfigurationError(
                f"dataset.block_size={self.block_size} is longer than the model's {longest} "
                f"positions: set dataset.block_size={longest} or less"
            )
        return self.block_size

    def _blocks(self, split: str, rows: Dataset) -> Dataset:
        if self.text_column not in rows.column_names:
            raise ConfigurationError(
                f"the {split} set has no column '{self.text_column}' (its columns: "
                f"{', '.join(rows.column_names)}): set dataset.text_column=<column>"
            )
        empty = ConfigurationError(f"the {split} set has no text in column '{self.text_column}'")
        if rows.data.column(self.text_column).null_count == len(rows):
            raise empty
        kind = rows.features[self.text_column].dtype
        if kind not in TEXT_TYPES:
            raise ConfigurationError(
                f"the column '{self.text_column}' of the {split} set is {kind}, not text: "
                "set dataset.text_column=<column>"
            )
        blocks = rows.with_format("arrow").map(
            tokenize_and_pack,
            batched=True,
            remove_columns=rows.column_names,
            num_proc=self.preprocessing_num_workers,
            load_from_cache_file=self.load_from_cache_file,
            fn_kwargs={
                "tokenizer": self.tokenizer,
                "text_column": self.text_column,
                "block_size": self.longest_block(),
                "append_eos": self.append_eos,
                "version": VERSION,
            },
            desc=f"Tokenizing {split}",
        )
        if len(blocks) == 0:
            raise empty
        return blocks.with_format("torch")


def padding_token_id(tokenizer: PreTrainedTokenizerBase) -> int:
    """Return the id to pad with: any will do, since padding is masked."""
    for token_id in (tokenizer.pad_token_id, tokenizer.eos_token_id):
        if token_id is not None:
            return int(token_id)
    return 0
