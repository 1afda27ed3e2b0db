"""Questions with choices, one of them right."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.base.types import Row
from lightning_transformers.data.collators import PaddingCollator
from lightning_transformers.data.labels import is_unlabelled
from lightning_transformers.data.loading import AnyDataset, column_names, shipped_files
from lightning_transformers.task.nlp.multiple_choice.collate import ChoiceCollator
from lightning_transformers.task.nlp.multiple_choice.encoding import choices_of, encode_choices
from lightning_transformers.task.shared.text import PaddedTextDataModule

EXAMPLE = "+x='{context: some text, question: a question, choices: [one, another]}'"


class MultipleChoiceDataModule(PaddedTextDataModule):
    """Pairs a context with each choice, before which the question stands.

    In a question with a blank (`_`) the choice fills it. Of a long input the context is cut. Rows
    may have different numbers of choices.
    """

    context_column: str = "context"
    question_column: str | None = "question"
    """The column of what comes before each choice, if anything does."""
    choices_column: str = "choices"
    """The column of lists of choices."""
    choice_columns: list[str] | None = None
    """In place of it, a column for each choice."""
    label_column: str = "label"
    """The column of the right choice: its number from 0, its letter from A, or its text."""

    collator_type: ClassVar[type[PaddingCollator]] = ChoiceCollator
    sample_files: ClassVar[dict[str, str]] = shipped_files("multiple_choice")

    def is_unlabelled(self, rows: AnyDataset) -> bool:
        """Tell whether no row has a label to test with."""
        return is_unlabelled(rows, self.label_column)

    def process_split(self, split: str, rows: AnyDataset) -> AnyDataset:
        """Return the rows as inputs, a list of them for each key, with `labels`."""
        label = None if split == "predict" else self.label_column
        self.require_text(
            split, rows, context_column=self.context_column, question_column=self.question_column
        )
        choices = self.choices_in(split, rows)
        self.require_columns(split, rows, label_column=label)
        return self.map_rows(
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
            place=f"the {split} set",
        )

    def choices_in(self, split: str, rows: AnyDataset) -> str | list[str]:
        """Return the column of lists of choices, or the columns of which each has a choice.

        Raises:
            ConfigurationError: if the rows have no such column, or it holds no lists.
        """
        column, present = self.choices_column, column_names(rows)
        # An input to predict on may have its choices in a list whatever the data set has.
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
        if feature is not None and not hasattr(feature, "feature"):
            raise ConfigurationError(
                f"the column '{column}' of the {split} set holds no lists: put each choice in a "
                "column of its own, and set dataset.choice_columns=[a,b]"
            )
        return column

    def input_column(self) -> str:
        """Return the column of the context."""
        return self.context_column

    def predict_rows(self, inputs: Sequence[object]) -> list[Row]:
        """Return inputs as rows.

        Args:
            inputs: mappings with `context`, `question` and `choices`, a list, or with the columns
                of the data.
        """
        names = {"context": self.context_column, "choices": self.choices_column}
        if self.question_column is not None:
            names["question"] = self.question_column
        rows = []
        for value in inputs:
            given = value if isinstance(value, Mapping) else {}
            row = {str(names.get(key, key)): as_text(part) for key, part in given.items()}
            if not self.is_complete(row):
                raise ConfigurationError(f"nothing to choose from in {value}: give {EXAMPLE}")
            rows.append(row)
        return rows

    def is_complete(self, row: Row) -> bool:
        """Tell whether a row to predict on has all texts, and choices in one form or the other."""
        texts = {self.context_column, self.question_column} - {None}
        is_list = isinstance(row.get(self.choices_column), list)
        are_columns = self.choice_columns is not None and row.keys() >= set(self.choice_columns)
        return row.keys() >= texts and (is_list or are_columns)

    def predicted_choices(self, inputs: Sequence[object]) -> list[list[str]]:
        """Return the choices of each input to predict on."""
        rows = self.predict_dataset(inputs)
        return choices_of(rows[:], self.choices_in("predict", rows), "the inputs")


def as_text(value: object) -> object:
    """Return a value, or each of a list, as text: the command line reads `1` as a number."""
    if isinstance(value, list):
        return [as_text(part) for part in value]
    return None if value is None else str(value)
