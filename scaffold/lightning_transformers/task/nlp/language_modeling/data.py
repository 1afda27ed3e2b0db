"""Data module of causal language modeling: documents or blocks of texts, and conversations."""

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar, Literal

from datasets import Dataset, Features, Json
from pydantic import PositiveInt
from pytorch_lightning import Callback
from transformers import PreTrainedTokenizerBase

from lightning_transformers.base.errors import ConfigurationError, joined
from lightning_transformers.base.types import Columns, Row, Settings
from lightning_transformers.data.collators import CausalCollator
from lightning_transformers.data.complete import Check
from lightning_transformers.data.exported_tokenizer import edited_tokenizer, start_only
from lightning_transformers.data.loading import AnyDataset, column_names, shipped_files
from lightning_transformers.data.packing import tokenize_and_pack
from lightning_transformers.data.texts import is_line
from lightning_transformers.task.nlp.language_modeling.chat import (
    conversations,
    encode_conversations,
    encode_prompts,
    message_row,
    prompt_row,
    report_dropped,
)
from lightning_transformers.task.nlp.language_modeling.chat_template import (
    require_template,
    template_text,
)
from lightning_transformers.task.nlp.language_modeling.conversation_formats import (
    MESSAGES,
    all_columns,
    conversation_columns,
)
from lightning_transformers.task.nlp.language_modeling.documents import (
    document_start,
    pack_batch_size,
    pack_documents,
    tokenize_documents,
    tokenize_prompts,
)
from lightning_transformers.task.nlp.language_modeling.packing_check import PackingCheck
from lightning_transformers.task.shared.text import TextDataModule, no_text

log = logging.getLogger(__name__)


class LanguageModelingDataModule(TextDataModule):
    """Tokenizes texts or conversations into examples of at most `block_size` tokens.

    A batch has `input_ids` and `labels`, each (batch, seq), int64. Packed documents also have
    `position_ids` (batch, seq), which restart with each document; other examples have
    `attention_mask` (batch, seq).
    """

    text_column: str = "text"
    """Column of the texts."""
    block_size: PositiveInt | None = None
    """Maximum tokens in an example; None: the model's maximum input length."""
    append_eos: bool = True
    """End every row with the end-of-sequence token; disable it if a row is not a whole document."""
    packing: Literal["documents", "blocks", "none"] = "documents"
    """`documents`: pack whole documents into an example, without attention between them; `blocks`:
    concatenate all texts and cut them into examples; `none`: one document per example."""
    stride: PositiveInt | None = None
    """With `packing=blocks`, tokens from the start of an evaluated block to that of the next; each
    token is scored once, with at least `block_size - stride` tokens before it. None: blocks do not
    overlap."""
    messages_column: str | None = None
    """Column of conversations, instead of texts; only the assistant's turns contribute to the
    loss. None: conversations in a known format (`conversation_formats`) if there is no text."""
    chat_template: str | None = None
    """A Jinja template or the path of one; None: the tokenizer's template."""

    can_prepare: ClassVar[bool] = True
    sample_files: ClassVar[dict[str, str]] = shipped_files("language_modeling", "txt")
    required_callbacks: ClassVar[tuple[type[Callback], ...]] = (PackingCheck,)
    chat_sample_files: ClassVar[dict[str, str]] = shipped_files("chat")

    def __init__(self, tokenizer: PreTrainedTokenizerBase, **hyperparameters: object) -> None:
        super().__init__(tokenizer, **hyperparameters)
        if self.chat_template is not None:
            # A checkpoint records the text: it must not depend on the file.
            text = template_text(self.chat_template)
            self.chat_template = self.hparams["chat_template"] = text
            self.tokenizer.chat_template = text

    def samples(self) -> Mapping[str, str]:
        """Return the sample files of texts, or with `messages_column` of conversations."""
        return self.chat_sample_files if self.messages_column else self.sample_files

    def setup(self, stage: str) -> None:
        """Build the dataset; warn once if documents have no end-of-sequence token."""
        is_first = self.dataset is None
        super().setup(stage)
        packed = self.packing == "documents" and self.messages_column is None
        if is_first and packed and not self.append_eos:
            log.warning(
                "dataset.append_eos=false: each row is a document, but the model does not learn "
                "where it ends; if the rows are lines of one text, set dataset.packing=blocks"
            )

    def prepared_settings(self) -> Settings:
        """Return also the value of `block_size` that a model determines."""
        return {**super().prepared_settings(), "block_size": self.longest_block()}

    def required_columns(self, split: str, rows: AnyDataset) -> Mapping[str, Check]:
        """Return the column of the texts, unless those of conversations are read."""
        return super().required_columns(split, rows) if self.messages_column is None else {}

    def process_split(self, split: str, rows: AnyDataset) -> AnyDataset:
        """Return tokenized examples, for `predict` one prompt per row.

        Raises:
            ConfigurationError: if the split has no text.
        """
        self.require_input(split, rows)
        if split == "predict":
            return self.prompts(split, rows)
        blocks = self.packing == "blocks"
        examples = self.blocks(split, rows) if blocks else self.document_rows(split, rows)
        if isinstance(examples, Dataset) and len(examples) == 0:
            raise no_text(split, "text_column", self.text_column)
        return examples.with_format("torch")

    def require_input(self, split: str, rows: AnyDataset) -> None:
        """Check the columns of a split, and for conversations the template and the tokenizer.

        Raises:
            ConfigurationError: for a missing column, `packing=blocks` with conversations, or a
                tokenizer without a chat template or without character offsets; for a `stride`
                beyond `block_size`, or without `packing=blocks`.
        """
        if self.stride and (self.packing != "blocks" or self.stride > self.longest_block()):
            raise ConfigurationError(
                f"dataset.stride={self.stride} needs dataset.packing=blocks and a "
                "dataset.block_size of at least as many tokens: set them, or remove stride"
            )
        self.recognize_conversations(split, rows)
        if self.messages_column is None:
            self.require_text(split, rows, text_column=self.text_column)
            return
        prompts = {"instruction", "prompt"} if split == "predict" else set()
        present = column_names(rows)
        if not conversation_columns(present, self.messages_column) and not prompts & {*present}:
            self.require_columns(split, rows, messages_column=self.messages_column)
        if self.packing == "blocks":
            raise ConfigurationError(
                "dataset.packing=blocks splits conversations: set dataset.packing=documents or none"
            )
        require_template(self.tokenizer)
        if split != "predict" and not self.tokenizer.is_fast:
            raise ConfigurationError(
                f"{type(self.tokenizer).__name__} gives no character offsets, which are needed to "
                "find the assistant's turns: set tokenizer.use_fast=true or choose another backbone"
            )

    def recognize_conversations(self, split: str, rows: AnyDataset) -> None:
        """Set `messages_column` if the rows have no text, but conversations in a known format."""
        present = column_names(rows)
        is_default = self.text_column == LanguageModelingDataModule.text_column
        if self.messages_column or self.text_column in present or not is_default:
            return
        if found := conversation_columns(present, None):
            column = found[0] if len(found) == 1 else MESSAGES
            self.messages_column = self.hparams["messages_column"] = column
            reason = f"the {split} set has conversations in {joined(found)}"
            self.notices.inferred(reason, messages_column=column)

    def prompts(self, split: str, rows: AnyDataset) -> AnyDataset:
        """Return a row with the `input_ids` for each text to continue or conversation to answer."""
        function: Callable[..., Columns] = encode_prompts
        column: Row = {"messages_column": self.messages_column}
        if self.messages_column is None:
            function, column = tokenize_prompts, {"text_column": self.text_column}
        return self.map_rows(split, rows, function, tokenizer=self.tokenizer, **column)

    def blocks(self, split: str, rows: AnyDataset) -> AnyDataset:
        """Return the concatenated texts, cut into blocks of `block_size` tokens."""
        stride = self.stride if split != "train" else None
        return self.map_rows(
            split,
            rows.with_format("arrow"),
            tokenize_and_pack,
            # Windows slide over the whole text.
            rows_at_once=len(rows) if stride and isinstance(rows, Dataset) else 1000,
            tokenizer=self.tokenizer,
            text_column=self.text_column,
            block_size=self.longest_block(),
            append_eos=self.append_eos,
            stride=stride,
        )

    def document_rows(self, split: str, rows: AnyDataset) -> AnyDataset:
        """Return tokenized documents, packed with `packing=documents`."""
        tokenize_rows = self.texts if self.messages_column is None else self.conversations
        documents = tokenize_rows(split, rows.with_format("arrow"))
        length = self.longest_block()
        if self.messages_column is None:
            self.notices.truncated(split, documents, length + 1, "block_size")
        return self.map_rows(
            split,
            documents,
            pack_documents,
            rows_at_once=pack_batch_size(documents, length),
            block_size=length,
            pack=self.packing == "documents",
        )

    def texts(self, split: str, rows: AnyDataset) -> AnyDataset:
        """Return the `input_ids` of each text."""
        return self.map_rows(
            split,
            rows,
            tokenize_documents,
            tokenizer=self.tokenizer,
            text_column=self.text_column,
            append_eos=self.append_eos,
        )

    def conversations(self, split: str, rows: AnyDataset) -> AnyDataset:
        """Return `input_ids` and `labels` of each conversation; log dropped and truncated ones.

        Raises:
            ConfigurationError: if all are dropped.
        """
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
            report_dropped(split, rows, kept, length)
        return kept

    def rows_of_examples(self, split: str, rows: Dataset) -> Sequence[int] | None:
        """Return None: an example has tokens of several rows, or of a part of one."""
        return None

    @property
    def collate_fn(self) -> CausalCollator:
        """Return the collator, which pads with the padding or the end-of-sequence token."""
        collator = CausalCollator(self.tokenizer)
        collator.left = self.pads_left()
        return collator

    def predict_rows(self, inputs: Sequence[object]) -> list[Row]:
        """Return inputs to predict on as rows.

        Args:
            inputs: texts or rows; with `messages_column` also messages or lists of messages.

        Raises:
            ConfigurationError: for an input without text, or one that is not a conversation.
        """
        column = self.messages_column
        if column is None:
            return super().predict_rows(inputs)
        rows = [prompt_row(self.input_row(value), column) for value in inputs]
        for row in rows:
            conversations({key: [value] for key, value in row.items()}, column)
        return rows

    def input_row(self, value: Any) -> Row:
        """Return an input to predict on as a row; a text or messages as `messages_column`."""
        if self.messages_column is None:
            return super().input_row(value)
        return message_row(value["text"] if is_line(value) else value, self.messages_column)

    def input_columns(self) -> Sequence[str]:
        """Return the column of the texts, or the columns of conversations in any format."""
        if self.messages_column is None:
            return super().input_columns()
        return all_columns(self.messages_column)

    def predict_dataset(self, inputs: Sequence[object]) -> Dataset:
        """Return inputs to predict on as a dataset, see `predict_rows`.

        Messages are stored as JSON, since they may differ in their keys and content types.
        """
        if self.messages_column is None:
            return super().predict_dataset(inputs)
        rows = self.predict_rows(inputs)
        return Dataset.from_list(
            rows, features=Features(dict.fromkeys(next(iter(rows), ()), Json()))
        )

    def processor_to_export(self) -> PreTrainedTokenizerBase:
        """Return the tokenizer, without special tokens that `predict` does not add to a prompt.

        If it adds such tokens, the result is a copy.
        """
        tokenizer, start = self.tokenizer, document_start(self.tokenizer)
        plain = [*start, *tokenizer("a", add_special_tokens=False)["input_ids"]]
        if tokenizer("a")["input_ids"] == plain or not tokenizer.is_fast:
            return tokenizer
        token = str(tokenizer.bos_token) if start else None
        return edited_tokenizer(tokenizer, partial(start_only, start=token))

    def longest_block(self) -> int:
        """Return `block_size`; if None, the model's maximum input length.

        Raises:
            ConfigurationError: if it is below 2 or exceeds the model's maximum.
        """
        if self.block_size is not None and self.block_size < 2:
            raise ConfigurationError(
                f"dataset.block_size={self.block_size} leaves no token to predict: set 2 or more"
            )
        return self.checked_length("block_size", self.block_size)
