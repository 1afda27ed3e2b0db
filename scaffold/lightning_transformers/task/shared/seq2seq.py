"""Base classes of sequence-to-sequence tasks: data module, collator, generation and metrics."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, TypeAlias

import torch
from datasets import Dataset, DatasetDict
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
from lightning_transformers.data.complete import Check, not_a_text
from lightning_transformers.data.loading import AnyDataset
from lightning_transformers.data.parallel import load_pairs
from lightning_transformers.data.reading.names import absolute
from lightning_transformers.data.texts import decode_texts, tokenize
from lightning_transformers.models.backbone import generate
from lightning_transformers.task.shared.text import TextDataModule, with_limit
from lightning_transformers.training.metrics import MetricInputs, TextMetric

SOURCE_KEYS = ("input_ids", "attention_mask")
"""Keys of a batch with the inputs of `generate`."""
REFERENCES = "references"
"""Key of a batch: the target texts, encoded by `encode_texts`, for the text metrics."""
T5_PRETRAINING_LENGTH = 512
"""Source length in tokens for a model without a known limit, such as mT5: that of T5."""
Field: TypeAlias = tuple[str, ...]
"""Location of a text in a row: `(column,)`, or `(column, key)` for a column of mappings."""

log = logging.getLogger(__name__)


class Seq2SeqDataModule(TextDataModule):
    """Pairs of a source and a target text; pairs in which one is missing or blank are dropped.

    A subclass defines `fields` and `t5_prefix`. A batch has `input_ids` and `attention_mask`, each
    (batch, source), `labels` (batch, target), int64, and in evaluation `references` (batch, bytes),
    uint8.
    """

    source_file: str | None = None
    """Text file with a source per line to train on, in place of `train_file`."""
    target_file: str | None = None
    """Text file with the targets of `source_file`."""
    prefix: str | None = None
    """Text before every source; None: T5's prefix of the task for a T5 model, else no prefix."""
    max_source_length: PositiveInt | None = None
    """Maximum tokens in a source, including the prefix; None: the model's maximum."""
    max_target_length: PositiveInt = 128
    """Maximum tokens in a target, including the end-of-sequence token."""
    truncation: bool = True
    """Truncate longer texts; if False, they are an error."""
    padding: Literal["longest", "max_length"] = "longest"
    """Pad to the longest text of the batch, or to `max_source_length` and `max_target_length`."""

    def load_dataset(self) -> DatasetDict:
        """Return the raw splits, with the pairs of `source_file` and `target_file` as `train`.

        Raises:
            ConfigurationError: if only one of the files is set, or they differ in length.
        """
        files = (self.source_file, self.target_file)
        if files == (None, None):
            return super().load_dataset()
        pairs = load_pairs(files, self.pair_columns(), self.reader, self.encoding)
        others = super().load_dataset() if super().has_source else {}
        return DatasetDict({**others, "train": pairs})

    def required_columns(self, split: str, rows: AnyDataset) -> Mapping[str, Check]:
        """Return the columns of the pairs, of which those without text are dropped."""
        return dict.fromkeys(self.pair_columns(), not_a_text)

    @property
    def has_source(self) -> bool:
        """Whether files or a dataset are configured."""
        return bool(self.source_file) or super().has_source

    def files_of(self, split: str) -> list[str]:
        """Return all local files that a split is read from, for the run's manifest."""
        if split == "train" and self.source_file and self.target_file:
            return [str(absolute(file)) for file in (self.source_file, self.target_file)]
        return super().files_of(split)

    def pair_columns(self) -> tuple[str, str]:
        """Return the columns for the texts of `source_file` and `target_file`.

        Raises:
            NotImplementedError: in a subclass that does not define it.
        """
        raise NotImplementedError(f"{type(self).__name__} must define pair_columns")

    def fields(self, split: str, rows: AnyDataset) -> tuple[Field, Field | None]:
        """Return the locations of the source and the target text.

        Args:
            split: `train`, `validation`, `test` or `predict`.
            rows: the rows of the split.

        Returns:
            The source and the target field; the target is None for `predict`.

        Raises:
            NotImplementedError: in a subclass that does not define it.
            ConfigurationError: in a subclass, for a split without these texts.
        """
        raise NotImplementedError(f"{type(self).__name__} must define the method fields")

    def t5_prefix(self) -> str:
        """Return the prefix with which T5 was pretrained on this task.

        Raises:
            NotImplementedError: in a subclass that does not define it.
        """
        raise NotImplementedError(f"{type(self).__name__} must define t5_prefix")

    def process_split(self, split: str, rows: AnyDataset) -> AnyDataset:
        """Return tokenized pairs, with `references` except in `train`."""
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
        self.notices.truncated(split, examples, self.longest_source(), "max_source_length")
        if target is not None:
            longest = self.longest_target()
            self.notices.truncated(split, examples, longest, "max_target_length", "labels")
            report_dropped_pairs(split, rows, examples, source, target)
        return examples

    def rows_of_examples(self, split: str, rows: Dataset) -> Sequence[int] | None:
        """Return the indices of the pairs in which no text is missing or blank."""
        source, target = self.fields(split, rows)
        texts = [field_values(rows[:], field) for field in (source, target) if field is not None]
        pairs = enumerate(zip(*texts, strict=True))
        return [number for number, pair in pairs if all(map(has_text, pair))]

    @property
    def collate_fn(self) -> "Seq2SeqCollator":
        """Return the collator, see `Seq2SeqCollator`."""
        is_fixed = self.padding == "max_length"
        lengths = (self.longest_source(), self.longest_target()) if is_fixed else (None, None)
        collator = Seq2SeqCollator(self.tokenizer, *lengths)
        collator.left = self.pads_left()
        return collator

    def source_prefix(self) -> str:
        """Return `prefix`; if None, T5's prefix for a T5 model, else ""."""
        if self.prefix is not None:
            return self.prefix
        is_t5 = getattr(self.known_config(), "model_type", None) == "t5"
        return self.t5_prefix() if is_t5 else ""

    def processor_to_export(self) -> PreTrainedTokenizerBase:
        """Return a copy of the tokenizer, cut at `longest_source` and without `token_type_ids`."""
        exported = with_limit(self.tokenizer, self.longest_source())
        names = [*SOURCE_KEYS]
        exported.model_input_names = exported.init_kwargs["model_input_names"] = names
        return exported

    def longest_source(self) -> int:
        """Return `max_source_length`; if None, the model's maximum input length.

        Raises:
            ConfigurationError: if it exceeds the model's maximum.
        """
        if self.max_source_length is None and self.max_positions() is None:
            return T5_PRETRAINING_LENGTH
        return self.checked_length("max_source_length", self.max_source_length)

    def longest_target(self) -> int:
        """Return `max_target_length`.

        Raises:
            ConfigurationError: if it exceeds the model's maximum.
        """
        return self.checked_length("max_target_length", self.max_target_length)

    def checked_length(self, hyperparameter: str, length: int | None) -> int:
        """Return a length in tokens as the base class does.

        The length of a model with relative position embeddings, such as T5, is not limited: its
        tokenizer's `model_max_length` is the pretraining length.
        """
        if length is not None and hasattr(self.known_config(), "relative_attention_num_buckets"):
            return length
        return super().checked_length(hyperparameter, length)


class Seq2SeqCollator(PaddingCollator):
    """Pad sources, and labels with -100 on the right.

    Args:
        tokenizer: gives the padding token.
        source_length: length in tokens to pad sources to; None: the longest of the batch.
        target_length: length in tokens to pad labels to; None: the longest of the batch.
    """

    is_deterministic = True

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        source_length: int | None = None,
        target_length: int | None = None,
    ) -> None:
        super().__init__(tokenizer, source_length)
        self.target_length = target_length or 0

    def stack(self, key: str, values: Sequence[Any]) -> Tensor:
        """Return the values of a key as one tensor (batch, …), its last dimension padded.

        Args:
            key: the key: `labels` are padded on the right, others as in the base class.
            values: a list of ids, or a text, per example.
        """
        if key != "labels":
            return super().stack(key, values)
        rows = [torch.as_tensor(value) for value in values]
        labels = pad_sequence(rows, batch_first=True, padding_value=IGNORE_INDEX)
        missing = max(self.target_length - labels.shape[1], 0)
        return pad(labels, (0, missing), value=IGNORE_INDEX)


class Seq2SeqTransformer(TaskTransformer):
    """Generates a text from a text; logs the loss per token and metrics of the generated texts.

    A subclass defines `text_metric`.
    """

    num_beams: PositiveInt | None = None
    """Beams of beam search; None: the value in the model's generation config, usually 1."""
    max_new_tokens: PositiveInt | None = None
    """Maximum tokens to generate; None: the `max_target_length` of the data module."""
    generate_in_validation: bool = True
    """Generate texts in validation for the text metrics; if False, log the loss only."""

    default_model_type: ClassVar[str] = "transformers.AutoModelForSeq2SeqLM"

    def text_metric(self) -> TextMetric:
        """Return the metric of pairs of a generated text and its reference.

        Raises:
            NotImplementedError: in a subclass that does not define it.
        """
        raise NotImplementedError(f"{type(self).__name__} must define text_metric")

    def forward(self, batch: Batch) -> ModelOutput:
        """Run the model on a batch; it derives the decoder inputs from `labels` (batch, target)."""
        return super().forward({key: batch[key] for key in batch if key != REFERENCES})

    def configure_metrics(self, stage: str) -> dict[str, Metric]:
        """Return the loss, and the text metric if texts are generated in this stage."""
        metrics = super().configure_metrics(stage)
        if stage == "test" or self.generate_in_validation:
            metrics["text"] = self.text_metric()
        return metrics

    def metric_inputs(self, loss: Loss, outputs: ModelOutput, batch: Batch) -> MetricInputs:
        """Return also `records`: pairs of a generated text and its reference."""
        inputs = super().metric_inputs(loss, outputs, batch)
        if self.trainer.testing or self.generate_in_validation:
            inputs["records"] = list(
                zip(self.generated_texts(batch), decode_texts(batch[REFERENCES]), strict=True)
            )
        return inputs

    def evaluated_columns(
        self, outputs: ModelOutput, batch: Batch, inputs: Mapping[str, Any]
    ) -> dict[str, list[Any]]:
        """Return the reference, and if texts are generated, the generated text."""
        texts = inputs.get("records")
        generated = {"prediction": [text for text, _ in texts]} if texts else {}
        return {"label": decode_texts(batch[REFERENCES]), **generated}

    def predict_step(self, batch: Batch, batch_idx: int, dataloader_idx: int = 0) -> list[str]:
        """Return the generated text of each source."""
        return self.generated_texts(batch)

    def generated_texts(self, batch: Batch) -> list[str]:
        """Return the decoded output of `generate` for each source.

        Args:
            batch: `input_ids` and `attention_mask`, each (batch, source), int64.
        """
        ids = self.generate(batch)
        texts: list[str] = self.data.tokenizer.batch_decode(ids, skip_special_tokens=True)
        return texts

    def generate(self, batch: Batch) -> Tensor:
        """Generate target tokens; override to change the decoding.

        Args:
            batch: `input_ids` and `attention_mask`, each (batch, source), int64.

        Returns:
            Token ids (batch, 1 + generated), int64, with the decoder start token first; generated
            is at most `max_new_tokens`.
        """
        inputs = {key: batch[key] for key in SOURCE_KEYS}
        return generate(self.model, **inputs, **self.generation_settings())

    def generation_settings(self) -> dict[str, Any]:
        """Return `num_beams`, if it is set, `max_new_tokens`, and None as `max_length`."""
        return {
            **({} if self.num_beams is None else {"num_beams": self.num_beams}),
            "max_new_tokens": self.max_new_tokens or self.data.longest_target(),
            "max_length": None,  # overrides the one in the model's generation config
        }

    def config_to_export(self) -> dict[str, Any]:
        """Return `prefix`, the text before each source, and `task_specific_params`.

        The latter has the prefix and the generation settings under `parameters_key()`, where the
        pipelines of transformers look them up.
        """
        prefix = {"prefix": self.data.source_prefix()}
        settings = {k: v for k, v in self.generation_settings().items() if v is not None}
        return {**prefix, "task_specific_params": {self.parameters_key(): prefix | settings}}

    def parameters_key(self) -> str:
        """Return the name of the task in transformers' `task_specific_params`."""
        return "text2text-generation"


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
    """Tokenize pairs of texts, for `Dataset.map(batched=True)`.

    Pairs in which a text is missing or blank are dropped.

    Args:
        columns: the rows.
        tokenizer: the tokenizer.
        source: location of the source text, see `Field`.
        target: location of the target text; None if the rows have none.
        prefix: text before every source.
        max_source_length: maximum tokens in a source, including the prefix.
        max_target_length: maximum tokens in a target.
        truncation: truncate longer texts.
        references: include the target texts.

    Returns:
        The columns `input_ids` and `attention_mask`, with a target also `labels`, and with
        `references` also the texts.

    Raises:
        ConfigurationError: for a text that is too long and not truncated.
    """
    sources = field_values(columns, source)
    if target is None:
        prefixed = [prefix + text for text in sources]
        return tokenize(tokenizer, prefixed, None, max_source_length, truncation)
    pairs = [
        pair
        for pair in zip(sources, field_values(columns, target), strict=True)
        if all(map(has_text, pair))
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
    """Return the token ids of targets, each ending with the tokenizer's end-of-sequence token.

    Gemma's tokenizer does not add that token; without it the decoder learns no end.

    Args:
        tokenizer: the tokenizer.
        texts: the targets.
        max_length: maximum tokens in a target.
        truncation: truncate longer targets.

    Raises:
        ConfigurationError: if a target is too long and `truncation` is False.
    """
    end = tokenizer.eos_token_id
    missing = end is not None and end not in tokenizer(text_target="")["input_ids"]
    length = max_length - missing if truncation else None
    encoded = tokenizer(text_target=list(texts), truncation=truncation, max_length=length)
    rows = [[*row, end] if missing else row for row in encoded["input_ids"]]
    longest = max(map(len, rows), default=0)
    if longest > max_length:
        raise ConfigurationError(
            f"a target has {longest} tokens, more than dataset.max_target_length={max_length}: set "
            f"dataset.max_target_length={longest} or more, or dataset.truncation=true"
        )
    return rows


def field_values(columns: Columns, field: Field) -> list[Any]:
    """Return the text at a field of each row, or None where it is missing.

    Args:
        columns: the rows.
        field: location of the text, see `Field`.
    """
    column, *key = field
    values = columns[column]
    return [value and value.get(key[0]) for value in values] if key else values


def has_text(value: str | None) -> bool:
    """Return whether a value is a text that is not blank."""
    return bool(value) and not str(value).isspace()


def report_dropped_pairs(
    split: str, rows: AnyDataset, examples: AnyDataset, source: Field, target: Field
) -> None:
    """Log a warning if processing dropped pairs whose source or target is missing or blank.

    A stream is not checked.

    Args:
        split: name of the split.
        rows: the rows before processing.
        examples: the rows after processing.
        source: location of the source text, see `Field`.
        target: location of the target text.

    Raises:
        ConfigurationError: if all pairs were dropped.
    """
    if not isinstance(rows, Dataset) or len(examples) == len(rows):
        return
    one, other = source[-1], target[-1]
    if len(examples) == 0:
        raise ConfigurationError(
            f"no row of the {split} set has text in both '{one}' and '{other}': correct the data, "
            "or set dataset.*_column (to translate, dataset.*_language) to other columns"
        )
    log.warning(
        "dropped %d of %d rows of the %s set that lack text in '%s' or '%s'",
        *(len(rows) - len(examples), len(rows), split, one, other),
    )
