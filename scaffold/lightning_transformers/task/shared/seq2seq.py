"""What the tasks share that turn a text into another: their data, generation and scores."""

import logging
from collections.abc import Sequence
from typing import Any, ClassVar, Literal, TypeAlias

import torch
from datasets import Dataset
from pydantic import PositiveInt
from torch import Tensor
from torch.nn.functional import pad
from torch.nn.utils.rnn import pad_sequence
from torchmetrics import Metric
from transformers import PreTrainedTokenizerBase
from transformers.utils.generic import ModelOutput

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.base.types import Batch, Columns, Loss
from lightning_transformers.core.task import TaskTransformer
from lightning_transformers.data.collators import IGNORE_INDEX, PaddingCollator
from lightning_transformers.data.loading import AnyDataset
from lightning_transformers.data.texts import decode_texts, tokenize
from lightning_transformers.models.backbone import generate
from lightning_transformers.task.shared.text import TextDataModule
from lightning_transformers.training.metrics import MetricInputs, TextMetric

REFERENCES = "references"
"""Key of a batch: the targets, see `encode_texts`; tokens need not give them back."""
PRETRAINED_LENGTH = 512
"""Tokens of a source where nobody knows a limit (mT5): what T5 was pretrained with."""
Field: TypeAlias = tuple[str, ...]
"""Where a text is in a row: a column, or a column of mappings and a key of these."""

log = logging.getLogger(__name__)


class Seq2SeqDataModule(TextDataModule):
    """Pairs of a source and a target text; a pair that lacks either is left out."""

    prefix: str | None = None
    """Put before every source; by default what T5 was pretrained with for the task, and nothing
    for another model."""
    max_source_length: PositiveInt | None = None
    """Tokens in a source at most, with the prefix; the longest that the model takes by default."""
    max_target_length: PositiveInt = 128
    truncation: bool = True
    """Cut longer texts; where it is off, one is an error."""
    padding: Literal["longest", "max_length"] = "longest"
    """Pad to the longest text of the batch, or always to the lengths above."""

    def fields(self, split: str, rows: AnyDataset) -> tuple[Field, Field | None]:
        """Return where the source and the target are; rows to predict on have no target."""
        raise NotImplementedError(f"{type(self).__name__} must define fields")

    def t5_prefix(self) -> str:
        """Return what T5 was pretrained to find before a source of this task."""
        raise NotImplementedError(f"{type(self).__name__} must define t5_prefix")

    def process_split(self, split: str, rows: AnyDataset) -> AnyDataset:
        """Return the rows as inputs with `labels`; those to evaluate on with their references."""
        source, target = self.fields(split, rows)
        examples = self.map_rows(
            split,
            rows,
            encode_pairs,
            tokenizer=self.tokenizer,
            source=source,
            target=target,
            prefix=self.source_prefix(),
            max_source_length=self.longest_source(),
            max_target_length=self.longest_target(),
            truncation=self.truncation,
            references=split != "train",
        )
        if target is not None:
            check_left_out(split, rows, examples, source, target)
        return examples

    @property
    def collate_fn(self) -> "Seq2SeqCollator":
        """Return the collator, which pads sources with the padding token and labels with -100."""
        if self.padding == "max_length":
            return Seq2SeqCollator(self.tokenizer, self.longest_source(), self.longest_target())
        return Seq2SeqCollator(self.tokenizer)

    def source_prefix(self) -> str:
        """Return `prefix`, or by default that of T5 if the model is one."""
        if self.prefix is not None:
            return self.prefix
        is_t5 = getattr(self.known_config(), "model_type", None) == "t5"
        return self.t5_prefix() if is_t5 else ""

    def longest_source(self) -> int:
        """Return `max_source_length`, or by default the longest input that the model takes."""
        if self.max_source_length is None and self.max_positions() is None:
            return PRETRAINED_LENGTH
        return self.checked_length("max_source_length", self.max_source_length)

    def longest_target(self) -> int:
        """Return `max_target_length`, if the model takes it."""
        return self.checked_length("max_target_length", self.max_target_length)

    def checked_length(self, hyperparameter: str, length: int | None) -> int:
        """Return a length as the base class does, of relative positions whatever is given.

        What the tokenizer of a T5 says is what the model was pretrained with, and no limit.
        """
        if length is not None and hasattr(self.known_config(), "relative_attention_num_buckets"):
            return length
        return super().checked_length(hyperparameter, length)


class Seq2SeqCollator(PaddingCollator):
    """Pad sources on the side that the tokenizer says, and labels on the right.

    Args:
        tokenizer: says with which token and on which side to pad.
        source_length: pad sources to this many tokens, instead of the longest of the batch.
        target_length: pad labels likewise.
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        source_length: int | None = None,
        target_length: int | None = None,
    ) -> None:
        super().__init__(tokenizer, source_length)
        self.target_length = target_length or 0

    def stack(self, key: str, values: Sequence[Any]) -> Tensor:
        """Return the values of a key as one tensor, the last dimension padded."""
        if key != "labels":
            return super().stack(key, values)
        rows = [torch.as_tensor(value) for value in values]
        labels = pad_sequence(rows, batch_first=True, padding_value=IGNORE_INDEX)
        missing = max(self.target_length - labels.shape[1], 0)
        return pad(labels, (0, missing), value=IGNORE_INDEX)


class Seq2SeqTransformer(TaskTransformer):
    """Turns a text into another; reports the loss per token and scores of generated texts."""

    num_beams: PositiveInt | None = None
    """Beams of the search; by default what the model's own generation config says, mostly 1."""
    max_new_tokens: PositiveInt | None = None
    """Tokens to generate at most; the `max_target_length` of the data by default."""
    generate_in_validation: bool = True
    """Generate in validation, too, for the scores; without it, there is the loss alone, faster."""

    default_model_type: ClassVar[str] = "transformers.AutoModelForSeq2SeqLM"

    def text_metric(self) -> TextMetric:
        """Return the scores of pairs of a generated text and its reference."""
        raise NotImplementedError(f"{type(self).__name__} must define text_metric")

    def forward(self, batch: Batch) -> ModelOutput:
        """Run the model on a batch; it makes the decoder's inputs of the labels."""
        return super().forward({key: batch[key] for key in batch if key != REFERENCES})

    def configure_metrics(self, stage: str) -> dict[str, Metric]:
        """Return the loss and, where texts are generated, their scores."""
        metrics = super().configure_metrics(stage)
        if stage == "test" or self.generate_in_validation:
            metrics["text"] = self.text_metric()
        return metrics

    def metric_inputs(self, loss: Loss, outputs: ModelOutput, batch: Batch) -> MetricInputs:
        """Return the generated texts with their references as well."""
        inputs = super().metric_inputs(loss, outputs, batch)
        if self.trainer.testing or self.generate_in_validation:
            inputs["records"] = list(
                zip(self.generated_texts(batch), decode_texts(batch[REFERENCES]), strict=True)
            )
        return inputs

    def predict_step(self, batch: Batch, batch_idx: int, dataloader_idx: int = 0) -> list[str]:
        """Return the text that is generated for each source."""
        return self.generated_texts(batch)

    def generated_texts(self, batch: Batch) -> list[str]:
        """Return what `generate` gives as texts."""
        ids = self.generate(batch)
        texts: list[str] = self.data.tokenizer.batch_decode(ids, skip_special_tokens=True)
        return texts

    def generate(self, batch: Batch) -> Tensor:
        """Return the tokens generated for each source, (batch, 1 + at most max_new_tokens)."""
        beams = {} if self.num_beams is None else {"num_beams": self.num_beams}
        return generate(
            self.model,
            input_ids=batch["input_ids"],
            attention_mask=batch["attention_mask"],
            max_new_tokens=self.max_new_tokens or self.data.longest_target(),
            max_length=None,  # which the model's generation config may have, too
            **beams,
        )


def encode_pairs(
    columns: Columns,
    *,
    tokenizer: PreTrainedTokenizerBase,
    source: Field,
    target: Field | None,
    prefix: str,
    max_source_length: int,
    max_target_length: int,
    truncation: bool,
    references: bool,
) -> Columns:
    """Return the model's inputs for `Dataset.map(batched=True)`; see the data module."""
    sources = texts_at(columns, source)
    if target is None:
        prefixed = [prefix + text for text in sources]
        return tokenize(tokenizer, prefixed, None, max_source_length, truncation)
    pairs = [
        pair
        for pair in zip(sources, texts_at(columns, target), strict=True)
        if all(text and not text.isspace() for text in pair)
    ]
    if not pairs:
        return {"labels": []}
    prefixed = [prefix + text for text, _ in pairs]
    targets = [text for _, text in pairs]
    encoded = tokenize(tokenizer, prefixed, None, max_source_length, truncation)
    encoded["labels"] = tokenize_targets(tokenizer, targets, max_target_length, truncation)
    if references:
        encoded[REFERENCES] = targets
    return encoded


def tokenize_targets(
    tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], max_length: int, truncation: bool
) -> list[list[int]]:
    """Return the ids of targets, each with the end-of-sequence token, where there is one.

    A decoder that never sees the end learns none, and Gemma's tokenizer adds no such token.

    Raises:
        ConfigurationError: if a target is longer and must not be cut.
    """
    end = tokenizer.eos_token_id
    missing = end is not None and end not in tokenizer(text_target="")["input_ids"]
    length = max_length - missing if truncation else None
    encoded = tokenizer(text_target=list(texts), truncation=truncation, max_length=length)
    rows = [[*row, end] if missing else row for row in encoded["input_ids"]]
    longest = max(map(len, rows), default=0)
    if longest > max_length:
        raise ConfigurationError(
            f"a target has {longest} tokens, dataset.max_target_length={max_length}: raise it, or "
            "set dataset.truncation=true"
        )
    return rows


def texts_at(columns: Columns, field: Field) -> list[Any]:
    """Return what a field holds in each row of a batch, or None."""
    column, *key = field
    values = columns[column]
    return [value and value.get(key[0]) for value in values] if key else values


def check_left_out(
    split: str, rows: AnyDataset, examples: AnyDataset, source: Field, target: Field
) -> None:
    """Tell of rows that were left out, if any; a stream does not know.

    Raises:
        ConfigurationError: if none is left.
    """
    if not isinstance(rows, Dataset) or len(examples) == len(rows):
        return
    names = f"'{source[-1]}' and '{target[-1]}'"
    if len(examples) == 0:
        raise ConfigurationError(f"no row of the {split} set has text in both {names}")
    left_out = len(rows) - len(examples)
    log.warning(
        "%d of %d rows of the %s set lack text in %s, and are left out",
        left_out,
        len(rows),
        split,
        names,
    )
