"""Texts and conversations for causal language modeling, as documents or cut into blocks."""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Literal

from datasets import Dataset, Features, Json
from pytorch_lightning import Callback
from transformers import PreTrainedTokenizerBase

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.base.types import Columns, Row
from lightning_transformers.data.collators import CausalCollator
from lightning_transformers.data.loading import AnyDataset, shipped_files
from lightning_transformers.data.packing import tokenize, tokenize_and_pack
from lightning_transformers.data.texts import without_lines
from lightning_transformers.task.nlp.language_modeling.chat import (
    as_row,
    encode_conversations,
    encode_prompts,
    report_lost,
)
from lightning_transformers.task.nlp.language_modeling.chat_template import (
    require_template,
    template_text,
)
from lightning_transformers.task.nlp.language_modeling.documents import (
    arrange_documents,
    documents_at_once,
    tokenize_documents,
)
from lightning_transformers.task.nlp.language_modeling.packing_check import SeparationCheck
from lightning_transformers.task.shared.text import TextDataModule

log = logging.getLogger(__name__)


class LanguageModelingDataModule(TextDataModule):
    """Puts texts, or conversations, into rows of at most `block_size` tokens."""

    text_column: str = "text"
    block_size: int | None = None
    """Tokens in an example; the model's longest input by default."""
    append_eos: bool = True
    """End every row with the end-of-sequence token; off where a row is no whole document."""
    packing: Literal["documents", "blocks", "none"] = "documents"
    """What an example is: as many whole documents as fit, none of which sees another; a block of
    the texts one after another, in which all see what stands before; or one document."""
    messages_column: str | None = None
    """Column of conversations, in place of texts; only what the assistant says is learned."""
    chat_template: str | None = None
    """A Jinja file, or its text, in place of the tokenizer's own template."""

    sample_files: ClassVar[dict[str, str]] = shipped_files("language_modeling", "txt")
    required_callbacks: ClassVar[tuple[type[Callback], ...]] = (SeparationCheck,)
    chat_sample_files: ClassVar[dict[str, str]] = shipped_files("chat")

    def __init__(self, tokenizer: PreTrainedTokenizerBase, **hyperparameters: object) -> None:
        super().__init__(tokenizer, **hyperparameters)
        if self.chat_template is not None:
            # A checkpoint has the text: the file may be elsewhere by then.
            text = template_text(self.chat_template)
            self.chat_template = self.hparams["chat_template"] = text
            self.tokenizer.chat_template = text

    def samples(self) -> Mapping[str, str]:
        """Return the sample of texts, or of conversations."""
        return self.chat_sample_files if self.messages_column else self.sample_files

    def setup(self, stage: str) -> None:
        """Build the dataset; warn once if its rows are taken for documents that do not end."""
        is_first = self.dataset is None
        super().setup(stage)
        packed = self.packing == "documents" and self.messages_column is None
        if is_first and packed and not self.append_eos:
            log.warning(
                "dataset.append_eos=false: of each row, taken for a document, no end is learned; "
                "if the rows are lines of one text, set dataset.packing=blocks"
            )

    def process_split(self, split: str, rows: AnyDataset) -> AnyDataset:
        """Return the rows as examples of `input_ids`; those to predict on one by one."""
        self.require_input(split, rows)
        if split == "predict":
            return self.prompts(split, rows)
        blocks = self.packing == "blocks"
        examples = self.blocks(split, rows) if blocks else self.arranged(split, rows)
        if isinstance(examples, Dataset) and len(examples) == 0:
            raise ConfigurationError(f"the {split} set has no text in column '{self.text_column}'")
        return examples.with_format("torch")

    def require_input(self, split: str, rows: AnyDataset) -> None:
        """Raise ConfigurationError unless the rows have texts, or conversations and a template."""
        if self.messages_column is None:
            self.require_text(split, rows, text_column=self.text_column)
            return
        self.require_columns(split, rows, messages_column=self.messages_column)
        if self.packing == "blocks":
            raise ConfigurationError(
                "dataset.packing=blocks would cut conversations anywhere: set "
                "dataset.packing=documents or none"
            )
        require_template(self.tokenizer)
        if split != "predict" and not self.tokenizer.is_fast:
            raise ConfigurationError(
                f"{type(self.tokenizer).__name__} does not say where its tokens are in a text, so "
                "that nobody knows which are the assistant's: take a tokenizer of the kind "
                "PreTrainedTokenizerFast"
            )

    def prompts(self, split: str, rows: AnyDataset) -> AnyDataset:
        """Return the `input_ids` of texts to continue, or of conversations to answer."""
        function: Callable[..., Columns] = encode_prompts
        column: Row = {"messages_column": self.messages_column}
        if self.messages_column is None:
            function, column = tokenize, {"text_column": self.text_column}
        return self.map_rows(split, rows, function, tokenizer=self.tokenizer, **column)

    def blocks(self, split: str, rows: AnyDataset) -> AnyDataset:
        """Return the texts, one after another, cut into blocks."""
        return self.map_rows(
            split,
            rows.with_format("arrow"),
            tokenize_and_pack,
            tokenizer=self.tokenizer,
            text_column=self.text_column,
            block_size=self.longest_block(),
            append_eos=self.append_eos,
        )

    def arranged(self, split: str, rows: AnyDataset) -> AnyDataset:
        """Return the documents, several to a row or one."""
        tokenize_rows = self.texts if self.messages_column is None else self.conversations
        documents = tokenize_rows(split, rows.with_format("arrow"))
        length = self.longest_block()
        return self.map_rows(
            split,
            documents,
            arrange_documents,
            rows_at_once=documents_at_once(documents, length),
            block_size=length,
            together=self.packing == "documents",
        )

    def texts(self, split: str, rows: AnyDataset) -> AnyDataset:
        """Return each text as a document of tokens."""
        return self.map_rows(
            split,
            rows,
            tokenize_documents,
            tokenizer=self.tokenizer,
            text_column=self.text_column,
            append_eos=self.append_eos,
        )

    def conversations(self, split: str, rows: AnyDataset) -> AnyDataset:
        """Return each conversation as a document of tokens and labels; say what is lost."""
        length = self.longest_block()
        kept = self.map_rows(
            split,
            rows,
            encode_conversations,
            tokenizer=self.tokenizer,
            messages_column=self.messages_column,
            max_length=length,
        )
        if isinstance(kept, Dataset) and isinstance(rows, Dataset):
            report_lost(split, rows, kept, length)
        return kept

    @property
    def collate_fn(self) -> CausalCollator:
        """Return the collator, which pads with the padding token or, without one, the end."""
        return CausalCollator(self.tokenizer)

    def predict_rows(self, inputs: Sequence[object]) -> list[Row]:
        """Return texts, lines and mappings as rows; for a chat, lists of messages as well."""
        column = self.messages_column
        if column is None:
            return super().predict_rows(inputs)
        return [as_row(value, column) for value in without_lines(inputs)]

    def predict_dataset(self, inputs: Sequence[object]) -> Dataset:
        """Return inputs as a dataset; messages need not have the same keys, nor kind of content."""
        if self.messages_column is None:
            return super().predict_dataset(inputs)
        rows = self.predict_rows(inputs)
        return Dataset.from_list(
            rows, features=Features(dict.fromkeys(next(iter(rows), ()), Json()))
        )

    def longest_block(self) -> int:
        """Return `block_size`, or by default the longest input that the model takes."""
        if self.block_size is not None and self.block_size < 2:
            raise ConfigurationError(
                f"dataset.block_size={self.block_size} leaves no token to predict: at least 2"
            )
        return self.checked_length("block_size", self.block_size)
