"""Data module of question answering: questions, contexts and answers."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from datasets import Dataset, DatasetDict
from pydantic import NonNegativeInt, PositiveInt

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.base.types import Row
from lightning_transformers.data.collators import PaddingCollator
from lightning_transformers.data.complete import Check, missing_value
from lightning_transformers.data.loading import AnyDataset, column_names, shipped_files
from lightning_transformers.former_paths import former_names
from lightning_transformers.task.nlp.question_answering.examples import ID_COLUMN, encode_windows
from lightning_transformers.task.nlp.question_answering.squad import answers_of, flatten
from lightning_transformers.task.shared.text import PaddedTextDataModule

ANSWERS_COLUMNS = ("answers", "answer_text")
DEFAULT_STRIDE = 128
BATCH = 1000

if not TYPE_CHECKING:
    __getattr__ = former_names(__name__)


class QuestionAnsweringDataModule(PaddedTextDataModule):
    """Splits a long context into overlapping windows, each an input with the whole question.

    A row has a context, a question and SQuAD's `answers`, `{text: […], answer_start: […]}`, with
    empty lists for an unanswerable question. SQuAD's original json is supported, too. In a csv,
    `answer_text` is the text of the answer, or empty. Without `answer_start`, the character where
    the answer starts, its first occurrence in the context is used.

    A batch has `input_ids` and `attention_mask`, each (batch, seq), and `start_positions` and
    `end_positions`, each (batch,), int64; in evaluation also `window` (batch, bytes), uint8.
    """

    context_column: str = "context"
    """Column of the contexts."""
    question_column: str = "question"
    """Column of the questions."""
    answers_column: str | None = None
    """Column of the answers; None: `answers`, or else `answer_text`."""
    stride: NonNegativeInt | None = None
    """Tokens in which two windows overlap; None: 128, at most a quarter of `max_length`."""
    max_answer_length: PositiveInt = 30
    """Maximum tokens in a predicted answer."""
    n_best_size: PositiveInt = 20
    """Candidate answers per window; the score of an answer is its probability among the best."""
    version_2_with_negative: bool | None = None
    """Whether a question may have no answer, as in SQuAD 2; None: inferred from the training set,
    or False without data."""
    null_score_diff_threshold: float = 0.0
    """Margin by which the score of no answer must exceed the best answer to be predicted."""

    sample_files: ClassVar[dict[str, str]] = shipped_files("question_answering")

    def load_dataset(self) -> DatasetDict:
        """Return the raw splits, with SQuAD's original json flattened to one row per question."""
        loaded = super().load_dataset()
        return DatasetDict(
            {split: self.one_row_per_question(split, rows) for split, rows in loaded.items()}
        )

    def required_columns(self, split: str, rows: AnyDataset) -> Mapping[str, Check]:
        """Return the columns of context and question; an answer may be missing."""
        return dict.fromkeys(self.input_columns(), missing_value)

    def one_row_per_question(self, split: str, rows: AnyDataset) -> AnyDataset:
        """Return one row per question, flattening SQuAD's original json."""
        columns = column_names(rows)
        if "paragraphs" not in columns or self.context_column in columns:
            return rows
        return self.map_rows(split, rows, flatten)

    def process_data(self, dataset: DatasetDict) -> DatasetDict:
        """Return the processed splits; infers `version_2_with_negative` first if it is None."""
        if self.version_2_with_negative is None and set(dataset) != {"predict"}:
            self.version_2_with_negative = self.has_unanswerable(self.raw_dataset)
            self.hparams["version_2_with_negative"] = self.version_2_with_negative
            self.notices.inferred(
                f"{'some' if self.version_2_with_negative else 'all'} questions have "
                f"{'no answer' if self.version_2_with_negative else 'an answer'}",
                version_2_with_negative=self.version_2_with_negative,
            )
        return super().process_data(dataset)

    def process_split(self, split: str, rows: AnyDataset) -> AnyDataset:
        """Return the rows as windows, with the answer positions as labels except for `predict`."""
        context, question = self.context_column, self.question_column
        self.require_text(split, rows, context_column=context, question_column=question)
        self.require_offsets()
        max_length = self.longest_input()
        return self.map_rows(
            split,
            rows,
            encode_windows,
            tokenizer=self.tokenizer,
            context=context,
            question=question,
            answers=None if split == "predict" else self.column_of_answers(split, rows),
            max_length=max_length,
            stride=self.overlap(max_length),
            truncation=self.truncation,
            scored=split != "train",
        )

    def overlap(self, max_length: int) -> int:
        """Return `stride`, or its default for an input of `max_length` tokens."""
        return min(DEFAULT_STRIDE, max_length // 4) if self.stride is None else self.stride

    def column_of_answers(self, split: str, rows: AnyDataset) -> str:
        """Return `answers_column`; if None, `answers` or `answer_text`, whichever a split has.

        Raises:
            ConfigurationError: if the split has no such column.
        """
        present = column_names(rows)
        default = next((c for c in ANSWERS_COLUMNS if c in present), ANSWERS_COLUMNS[0])
        column = self.answers_column or default
        self.require_columns(split, rows, answers_column=column)
        return column

    def has_unanswerable(self, dataset: DatasetDict) -> bool:
        """Return whether a question of the training set, or else of the first split, has no answer.

        Raises:
            ConfigurationError: for a streaming dataset.
        """
        split = "train" if "train" in dataset else next(iter(dataset))
        rows = dataset[split]
        column = self.column_of_answers(split, rows)
        if not isinstance(rows, Dataset):
            raise ConfigurationError(
                "cannot infer from a streaming dataset whether a question may have no answer: set "
                "dataset.version_2_with_negative=true or false"
            )
        batches = rows.select_columns([column]).iter(BATCH)
        return any(not answers_of(value) for batch in batches for value in batch[column])

    def require_offsets(self) -> None:
        """Check the tokenizer; raises ConfigurationError if it gives no character offsets."""
        if not self.tokenizer.is_fast:
            raise ConfigurationError(
                f"{type(self.tokenizer).__name__} gives no character offsets: set "
                "tokenizer.use_fast=true or choose another backbone"
            )

    @property
    def collate_fn(self) -> PaddingCollator:
        """Return the collator, which pads on the right to keep the answer positions."""
        collator = super().collate_fn
        collator.left = False
        return collator

    def predict_rows(self, inputs: Sequence[Any]) -> list[Row]:
        """Return inputs to predict on as rows with unique ids.

        Args:
            inputs: mappings with `context_column` and `question_column`.

        Raises:
            ConfigurationError: for an input without both.
        """
        rows = super().predict_rows(inputs)
        columns = self.input_columns()
        return [
            {ID_COLUMN: str(number), **{column: row[column] for column in columns}}
            for number, row in enumerate(rows)
        ]

    def input_columns(self) -> Sequence[str]:
        """Return the columns of context and question."""
        return [self.context_column, self.question_column]
