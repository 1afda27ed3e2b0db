"""Data module of multiple choice: questions with choices, one of them correct."""

import re
from collections.abc import Mapping, Sequence
from typing import ClassVar

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.base.types import Row
from lightning_transformers.data.collators import PaddingCollator
from lightning_transformers.data.complete import Check, missing_value, not_a_text
from lightning_transformers.data.labels import is_unlabelled
from lightning_transformers.data.loading import AnyDataset, column_names, shipped_files
from lightning_transformers.data.reading.reader import names_of
from lightning_transformers.data.texts import as_list, text_columns
from lightning_transformers.task.nlp.multiple_choice.collate import ChoiceCollator
from lightning_transformers.task.nlp.multiple_choice.encoding import choices_of, encode_choices
from lightning_transformers.task.shared.text import PaddedTextDataModule

EXAMPLE = "+x='{context: some text, question: a question, choices: [one, another]}'"


class MultipleChoiceDataModule(PaddedTextDataModule):
    """Pairs the context with each choice, which is appended to the question.

    A choice replaces the blank (`_`) of a question that has one. Truncation shortens the context
    only. Rows may differ in their number of choices. A batch has `input_ids` and `attention_mask`,
    each (batch, choices, seq), and `labels` (batch,), int64; if the numbers of choices differ, also
    `choice_mask` (batch, choices), bool, see `ChoiceCollator`.
    """

    context_column: str = "context"
    """Column of the contexts."""
    question_column: str | None = "question"
    """Column of the text before each choice; None: no such text."""
    choices_column: str = "choices"
    """Column of lists of choices."""
    choice_columns: list[str] | None = None
    """One column per choice, instead of `choices_column`."""
    label_column: str = "label"
    """Column of the correct choice: its index from 0, its letter from A, or its text."""

    collator_type: ClassVar[type[PaddingCollator]] = ChoiceCollator
    sample_files: ClassVar[dict[str, str]] = shipped_files("multiple_choice")

    def is_unlabelled(self, rows: AnyDataset) -> bool:
        """Return whether all labels of a split are missing."""
        return is_unlabelled(rows, self.label_column)

    def required_columns(self, split: str, rows: AnyDataset) -> Mapping[str, Check]:
        """Return the columns of context and question, which may be empty, of choices and label."""
        texts = [self.context_column, *([self.question_column] if self.question_column else [])]
        values = [*(self.choice_columns or ())[:2], self.label_column]
        return dict.fromkeys(texts, not_a_text) | dict.fromkeys(values, missing_value)

    def process_split(self, split: str, rows: AnyDataset) -> AnyDataset:
        """Return tokenized rows, with one input per choice, and `labels` except for `predict`."""
        label = None if split == "predict" else self.label_column
        self.require_text(
            split, rows, context_column=self.context_column, question_column=self.question_column
        )
        choices = self.choices_in(split, rows)
        self.require_columns(split, rows, label_column=label)
        examples = self.map_rows(
            split,
            rows,
            encode_choices,
            tokenizer=self.tokenizer,
            context=self.context_column,
            question=self.question_column,
            choices=choices,
            max_length=self.longest_input(),
            truncation=self.truncation,
            label=label,
            numbered=self.has_numbers(split, rows),
            place=f"the {split} set",
        )
        self.report_truncated(split, examples)
        return examples

    def has_numbers(self, split: str, rows: AnyDataset) -> bool:
        """Return whether the labels are numbers in a csv or tsv, which are read as texts."""
        is_csv = any(re.search(r"\.[ct]sv\b", file.lower()) for file in names_of(rows))
        return is_csv and self.label_column not in text_columns(rows)

    def choices_in(self, split: str, rows: AnyDataset) -> str | list[str]:
        """Return the column of lists of choices, or the columns of single choices.

        Args:
            split: name of the split, for error messages; `predict` may have either form.
            rows: the rows of the split.

        Raises:
            ConfigurationError: if the column is missing or has no lists.
        """
        column, present = self.choices_column, column_names(rows)
        # An input to predict on may have a list even if the dataset has columns.
        if self.choice_columns and not (split == "predict" and column in present):
            for name in self.choice_columns:
                self.require_columns(split, rows, choice_columns=name)
            return self.choice_columns
        if column not in present:
            raise ConfigurationError(
                f"the {split} set has no column '{column}' (its columns: {', '.join(present)}): "
                "set dataset.choices_column=<column of lists>, or dataset.choice_columns=[a,b]"
            )
        feature = (rows.features or {}).get(column)
        is_list = feature is None or hasattr(feature, "feature")
        if not is_list and not isinstance(as_list(next(iter(rows))[column]), list):
            raise ConfigurationError(
                f"column '{column}' of the {split} set has no lists: write one column per choice "
                "and set dataset.choice_columns=[a,b]"
            )
        return column

    def predict_rows(self, inputs: Sequence[object]) -> list[Row]:
        """Return inputs to predict on as rows.

        Args:
            inputs: mappings with `context`, `question` and a list `choices`, or with the columns
                of the dataset.

        Raises:
            ConfigurationError: for an input without context or question, or with fewer than two
                choices.
        """
        rows = [
            {key: to_text(part) for key, part in self.input_row(value).items()} for value in inputs
        ]
        for row, value in zip(rows, inputs, strict=True):
            if not self.is_complete(row):
                raise ConfigurationError(
                    f"input {value} lacks context, question or choices: give {EXAMPLE}"
                )
            in_list = self.choices_column in row
            names = self.choices_column if in_list else self.choice_columns or ()
            choices_of({key: [part] for key, part in row.items()}, names, "the inputs")
        return rows

    def input_row(self, value: object) -> Row:
        """Return an input to predict on with the dataset's columns, {} unless it is a mapping."""
        names = {"context": self.context_column, "choices": self.choices_column}
        if self.question_column is not None:
            names["question"] = self.question_column
        given = value if isinstance(value, Mapping) else {}
        row = {str(names.get(key, key)): part for key, part in given.items()}
        column = self.choices_column
        return row if column not in row else {**row, column: as_list(row[column])}

    def input_columns(self) -> Sequence[str]:
        """Return the columns of context, question and choices."""
        question = [] if self.question_column is None else [self.question_column]
        return [self.context_column, *question, *(self.choice_columns or [self.choices_column])]

    def is_complete(self, row: Row) -> bool:
        """Return whether a row to predict on has context, question and choices."""
        texts = [c for c in (self.context_column, self.question_column) if c is not None]
        is_list = isinstance(row.get(self.choices_column), list)
        are_columns = self.choice_columns is not None and row.keys() >= set(self.choice_columns)
        return all(row.get(column) for column in texts) and (is_list or are_columns)

    def predicted_choices(self, inputs: Sequence[object]) -> list[list[str]]:
        """Return the choices of each input to predict on, as texts; see `predict_rows`."""
        rows = self.predict_dataset(inputs)
        return choices_of(rows[:], self.choices_in("predict", rows), "the inputs")


def to_text(value: object) -> object:
    """Return a value as text, a list with its items as texts, and None unchanged.

    The command line parses the text `1` as a number.
    """
    if isinstance(value, list):
        return [to_text(part) for part in value]
    return None if value is None else str(value)
