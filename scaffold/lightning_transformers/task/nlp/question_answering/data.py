"""Questions about contexts, with their answers."""

import reprlib
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from datasets import Dataset, DatasetDict
from pydantic import NonNegativeInt, PositiveInt

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.base.types import Row
from lightning_transformers.data.collators import PaddingCollator
from lightning_transformers.data.loading import AnyDataset, column_names, shipped_files
from lightning_transformers.task.nlp.question_answering.examples import ID_COLUMN, encode_windows
from lightning_transformers.task.nlp.question_answering.squad import answers_of, flatten
from lightning_transformers.task.shared.text import PaddedTextDataModule

ANSWERS_COLUMNS = ("answers", "answer_text")
LONGEST_STRIDE = 128
BATCH = 1000


class QuestionAnsweringDataModule(PaddedTextDataModule):
    """Divides a long context into windows, each of them an input with the whole question.

    A row has a context, a question and, under `answers`, `{text: […], answer_start: […]}` as SQuAD,
    with empty lists where the context has no answer; SQuAD's original json is taken as well. In a
    csv, `answer_text` is the text of the answer, or nothing. `answer_start`, the character where
    it starts, may be left out: then the first place in the context that has the text counts.
    """

    context_column: str = "context"
    question_column: str = "question"
    answers_column: str | None = None
    """The column of the answers; by default `answers`, or else `answer_text`."""
    stride: NonNegativeInt | None = None
    """Tokens that a window shares with the next; by default 128, at most a quarter of
    `max_length`."""
    max_answer_length: PositiveInt = 30
    """Tokens in a predicted answer at most."""
    n_best_size: PositiveInt = 20
    """Candidates of a window; the score of an answer is its probability among the best as many."""
    version_2_with_negative: bool | None = None
    """Whether a question may have no answer, as in SQuAD 2; by default told by the training set; if
    there is none, every question has an answer."""
    null_score_diff_threshold: float = 0.0
    """By how much no answer has to score more than the best one, to be predicted."""

    sample_files: ClassVar[dict[str, str]] = shipped_files("question_answering")

    def load_dataset(self) -> DatasetDict:
        """Return the raw splits, of SQuAD's original json a row for each question."""
        loaded = super().load_dataset()
        return DatasetDict({split: self.flat(split, rows) for split, rows in loaded.items()})

    def flat(self, split: str, rows: AnyDataset) -> AnyDataset:
        """Return rows with a question each."""
        columns = column_names(rows)
        if "data" not in columns or self.context_column in columns:
            return rows
        return self.map_rows(split, rows, flatten)

    def process_data(self, dataset: DatasetDict) -> DatasetDict:
        """Return the splits as inputs, having found out whether a question may have no answer."""
        if self.version_2_with_negative is None and set(dataset) != {"predict"}:
            self.version_2_with_negative = self.has_unanswerable(self.raw_dataset)
            self.hparams["version_2_with_negative"] = self.version_2_with_negative
        return super().process_data(dataset)

    def process_split(self, split: str, rows: AnyDataset) -> AnyDataset:
        """Return the rows as windows, with the positions of the answer as labels."""
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
        """Return `stride`, or what it is by default."""
        return min(LONGEST_STRIDE, max_length // 4) if self.stride is None else self.stride

    def column_of_answers(self, split: str, rows: AnyDataset) -> str:
        """Return `answers_column`, or what it is by default."""
        present = column_names(rows)
        default = next((c for c in ANSWERS_COLUMNS if c in present), ANSWERS_COLUMNS[0])
        column = self.answers_column or default
        self.require_columns(split, rows, answers_column=column)
        return column

    def has_unanswerable(self, dataset: DatasetDict) -> bool:
        """Tell whether a question of the training set, or else of the first, has no answer."""
        split = "train" if "train" in dataset else next(iter(dataset))
        rows = dataset[split]
        column = self.column_of_answers(split, rows)
        if not isinstance(rows, Dataset):
            raise ConfigurationError(
                "whether a question of a stream may have no answer is not known beforehand: set "
                "dataset.version_2_with_negative=true or false"
            )
        batches = rows.select_columns([column]).iter(BATCH)
        return any(not answers_of(value) for batch in batches for value in batch[column])

    def require_offsets(self) -> None:
        """Raise ConfigurationError unless the tokenizer tells the characters of its tokens."""
        if not self.tokenizer.is_fast:
            raise ConfigurationError(
                f"{type(self.tokenizer).__name__} does not tell which characters its tokens are: "
                "set tokenizer.use_fast=true, or choose another backbone"
            )

    @property
    def collate_fn(self) -> PaddingCollator:
        """Return the collator, which pads on the right, so that positions stay what they are."""
        collator = super().collate_fn
        collator.left = False
        return collator

    def predict_rows(self, inputs: Sequence[Any]) -> list[Row]:
        """Return mappings with a context and a question as rows, each with an id of its own."""
        columns = (self.context_column, self.question_column)
        for value in inputs:
            if not isinstance(value, Mapping) or not all(value.get(c) for c in columns):
                raise ConfigurationError(
                    f"nothing to predict on in {reprlib.repr(value)}: give "
                    f'+x=\'{{{columns[0]}: "some text", {columns[1]}: "a question"}}\''
                )
        return [
            {ID_COLUMN: str(number), **{column: str(value[column]) for column in columns}}
            for number, value in enumerate(inputs)
        ]
