"""Data module of text classification: texts or pairs of texts with labels."""

import re
import reprlib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from itertools import chain
from math import isfinite
from typing import Any, ClassVar, Literal

from transformers import PreTrainedTokenizerBase

from lightning_transformers.base.errors import ConfigurationError, joined
from lightning_transformers.base.types import Columns
from lightning_transformers.data.complete import Check, missing_text, missing_value
from lightning_transformers.data.labels import LabelEncoder, first_values, have_fractions
from lightning_transformers.data.loading import AnyDataset, column_names, shipped_files, spelled
from lightning_transformers.data.texts import as_list, text_columns, tokenize
from lightning_transformers.task.shared.labels import LabelledData
from lightning_transformers.task.shared.text import PaddedTextDataModule

DECIMAL_COMMA = re.compile(r"[+-]?(?:\d+|\d{1,3}(?:\.\d{3})+)(?:,(\d+))?")
"""A number such as `3,5` or `1.220,61`."""
ProblemType = Literal["single_label_classification", "multi_label_classification", "regression"]


class TextClassificationDataModule(LabelledData, PaddedTextDataModule):
    """Tokenizes a text, or a pair of texts, with its label.

    A batch has `input_ids` and `attention_mask`, each (batch, seq), and `labels`: (batch,), int64,
    for single-label classification; (batch, classes), float32, for multi-label classification;
    (batch,), float32, for regression.
    """

    text_column: str | None = None
    """Column of the text; None: `text`, or the only one or two text columns of the first split."""
    text_pair_column: str | None = None
    """Column of the second text of a pair; None: `text_pair`, if it exists."""
    problem_type: ProblemType | None = None
    """Type of the labels; None: multi-label classification for lists, regression for numbers, some
    of them not whole, unless `labels` is set, else single-label classification. Numbers with a
    decimal comma count if all labels are such numbers."""

    sample_files: ClassVar[dict[str, str]] = shipped_files("text_classification", "csv")

    def process_split(self, split: str, rows: AnyDataset) -> AnyDataset:
        """Return tokenized rows, with `labels` except for `predict`."""
        text, pair = self.text_columns(split, rows)
        self.require_text(split, rows, text_column=text, text_pair_column=pair)
        labelled = split != "predict"
        if labelled:
            self.require_columns(split, rows, label_column=self.label_column)
        examples = self.map_rows(
            split,
            rows,
            encode_texts_with_labels,
            tokenizer=self.tokenizer,
            text=text,
            pair=pair,
            max_length=self.longest_input(),
            truncation=self.truncation,
            label=self.label_column if labelled else None,
            labels=self.label_encoder(split, rows) if labelled else None,
            place=f"the {split} set",
            has_commas=labelled and self.has_decimal_commas,
        )
        self.report_truncated(split, examples)
        return examples

    def required_columns(self, split: str, rows: AnyDataset) -> Mapping[str, Check]:
        """Return the columns of text, pair and label; those of the text if it can be inferred."""
        found: dict[str, Check] = {self.label_column: missing_value}
        with suppress(ConfigurationError):
            found |= {c: missing_text for c in self.text_columns(split, rows) if c is not None}
        return found

    def input_columns(self) -> Sequence[str]:
        """Return the columns of the text and, if set, of its pair."""
        pair = self.text_pair_column
        return [self.input_column()] if pair is None else [self.input_column(), pair]

    def text_columns(self, split: str, rows: AnyDataset) -> tuple[str, str | None]:
        """Return the columns of the text and of its pair, or None without a pair.

        Columns inferred for the first split apply to all splits.

        Raises:
            ConfigurationError: if they are unset and cannot be inferred.
        """
        if self.text_column is not None:
            return self.text_column, self.text_pair_column
        text, pair = self.inferred_columns(split, rows)
        if split != "predict":
            reason = f"the columns of the {split} set are {joined(column_names(rows))}"
            self.notices.inferred(reason, text_column=text, text_pair_column=pair)
            self.text_column = self.hparams["text_column"] = text
            self.text_pair_column = self.hparams["text_pair_column"] = pair
        return text, pair

    def inferred_columns(self, split: str, rows: AnyDataset) -> tuple[str, str | None]:
        """Return `text` and `text_pair`, or else the only one or two text columns.

        Args:
            split: name of the split, for the error message.
            rows: its rows; the label column does not count.

        Raises:
            ConfigurationError: if there is no text column, or more than two.
        """
        columns, pair = column_names(rows), self.text_pair_column
        if text := spelled(columns, "text"):
            return text, pair or spelled(columns, "text_pair")
        texts = text_columns(rows, self.label_column, pair)
        if len(texts) not in ((1,) if pair else (1, 2)):
            raise ConfigurationError(
                f"the {split} set has {len(texts)} text columns (its columns: "
                f"{', '.join(columns)}): set dataset.text_column=<column>"
            )
        return texts[0], pair or (texts[1] if len(texts) == 2 else None)

    def kind_of_labels(self) -> ProblemType:
        """Return `problem_type`; if None, infer it once from the type of the labels.

        Raises:
            ConfigurationError: if the label column is missing, or has objects.
        """
        if self.problem_type is None:
            split, rows = next(iter(self.loaded_dataset.items()))
            self.require_columns(split, rows, label_column=self.label_column)
            values = first_values(rows, self.label_column)
            if self.labels is None and have_decimal_commas(values):
                values = with_decimal_points(values)
            self.problem_type = problem_type_of(values, has_classes=self.labels is not None)
            self.hparams["problem_type"] = self.problem_type
            kind = "are lists" if self.problem_type.startswith("multi") else "are classes"
            if self.problem_type == "regression":
                comma = " with a decimal comma" if self.has_decimal_commas else ""
                kind = f"are numbers{comma}, not all of them whole"
            reason = f"the labels in '{self.label_column}' of the {split} set {kind}"
            self.notices.inferred(reason, problem_type=self.problem_type)
        return self.problem_type

    @cached_property
    def has_decimal_commas(self) -> bool:
        """Whether the labels of a regression are texts such as `3,5`; raises ConfigurationError."""
        if self.kind_of_labels() != "regression":
            return False
        rows = next(iter(self.loaded_dataset.values()))
        return have_decimal_commas(first_values(rows, self.label_column))

    def stratified_column(self) -> str | None:
        """Return the label column if `stratify`, or for single classes `fold`, is set.

        Raises:
            ConfigurationError: with `stratify`, for several labels per text, or numbers.
        """
        column = super().stratified_column()
        if column is None or self.kind_of_labels() == "single_label_classification":
            return column
        if self.stratify:
            raise ConfigurationError(
                "dataset.stratify=true requires one class per row, but dataset.problem_type="
                f"{self.problem_type}: remove it"
            )
        return None

    def label_values(self, values: Iterable[Any]) -> Iterable[Any]:
        """Return the classes in the values of the label column, which may be lists."""
        if self.kind_of_labels() == "multi_label_classification":
            values = chain.from_iterable(as_list(value) or () for value in values)
        return super().label_values(values)

    def label_encoder(self, split: str, rows: AnyDataset) -> LabelEncoder | None:
        """Return the encoder from classes to their ids; None for regression."""
        return None if self.kind_of_labels() == "regression" else super().label_encoder(split, rows)

    @property
    def model_data_kwargs(self) -> dict[str, Any]:
        """Return also `problem_type`, unless there is no data to infer it from.

        A regression has `num_labels`, 1, in place of classes.
        """
        if self.problem_type is None and not self.has_source:
            return super().model_data_kwargs
        kind = self.kind_of_labels()
        if kind == "regression":
            common = super(LabelledData, self).model_data_kwargs
            return {**common, "problem_type": kind, "num_labels": 1}
        return {**super().model_data_kwargs, "problem_type": kind}


def problem_type_of(values: Sequence[Any], has_classes: bool) -> ProblemType:
    """Return the problem type of labels.

    Args:
        values: the labels; lists, also as text, are several classes.
        has_classes: whether `labels` is set, so that a number is a class.
    """
    present = [as_list(value) for value in values if value is not None]
    if present and all(isinstance(value, list) for value in present):
        return "multi_label_classification"
    is_regression = not has_classes and have_fractions(present)
    return "regression" if is_regression else "single_label_classification"


def have_decimal_commas(values: Sequence[Any]) -> bool:
    """Return whether all labels are numbers as texts, some of them with a decimal comma.

    Numbers of which each comma precedes three digits are not, since these may be thousands, except
    after points.

    Args:
        values: the labels; None is a missing one.
    """
    found = [DECIMAL_COMMA.fullmatch(str(value)) for value in values if value is not None]
    commas = [match for match in found if match and match[1]]
    return all(found) and any(len(match[1]) != 3 or "." in match[0] for match in commas)


def with_decimal_points(values: Iterable[Any]) -> list[str | None]:
    """Return numbers as texts, such as `1.220,61` and None for a missing one, as `1220.61`."""
    return [
        None if value is None else str(value).replace(".", "").replace(",", ".") for value in values
    ]


def encode_texts_with_labels(
    columns: Columns,
    *,
    tokenizer: PreTrainedTokenizerBase,
    text: str,
    pair: str | None,
    max_length: int,
    truncation: bool,
    label: str | None,
    labels: LabelEncoder | None,
    place: str,
    has_commas: bool = False,
) -> Columns:
    """Tokenize texts and encode their labels, for `Dataset.map(batched=True)`.

    Args:
        columns: the rows.
        tokenizer: the tokenizer.
        text: column of the texts.
        pair: column of the second text of each pair, if any.
        max_length: maximum tokens in an input.
        truncation: truncate longer inputs.
        label: column of the labels; None for rows without labels.
        labels: encodes a class as its id; None for regression.
        place: name of the split, for error messages.
        has_commas: whether numbers have a decimal comma.

    Returns:
        The columns of the tokenizer, and with `label` the results of `target` as `labels`.

    Raises:
        ConfigurationError: for a missing value, an unknown label, or an input that is too long and
            not truncated.
    """
    require_values(columns, (text, pair, label), place)
    pairs = columns[pair] if pair else None
    encoded = tokenize(tokenizer, columns[text], pairs, max_length, truncation)
    if label is not None:
        values = columns[label]
        if has_commas:
            values = with_decimal_points(values)
        encoded["labels"] = [target(value, labels, place) for value in values]
    return encoded


def require_values(columns: Columns, names: Iterable[str | None], place: str) -> None:
    """Check that columns have no missing value.

    Args:
        columns: the rows.
        names: the columns to check; None is skipped.
        place: name of the split, for the error message.

    Raises:
        ConfigurationError: for the first missing value, showing its row.
    """
    for name in names:
        if name is None or None not in columns[name]:
            continue
        number = columns[name].index(None)
        rest = {other: columns[other][number] for other in columns if other != name}
        raise ConfigurationError(
            f"a row of {place} has no value in column '{name}' (its other columns: "
            f"{reprlib.repr(rest)}): correct or remove the row"
        )


def target(value: Any, labels: LabelEncoder | None, place: str) -> int | float | list[float]:
    """Return the label for the model.

    Args:
        value: a value of the label column: a class, a list of classes, or a number.
        labels: encodes a class as its id; None for regression.
        place: name of the split, for the error message.

    Returns:
        A class id, for a list a multi-hot vector, or for regression a float.

    Raises:
        ConfigurationError: for an unknown class, or in a regression no finite number.
    """
    if labels is None:
        return number(value, place)
    value = as_list(value)
    if isinstance(value, list):
        present = {labels(part) for part in value}
        return [float(number in present) for number in range(len(labels.names))]
    return labels(value)


def number(value: Any, place: str) -> float:
    """Return a label of a regression; raises ConfigurationError unless it is a finite number."""
    with suppress(TypeError, ValueError):
        if isfinite(found := float(value)):
            return found
    raise ConfigurationError(
        f"the label '{value}' of {place} is not a finite number: correct it, or set "
        "dataset.problem_type=single_label_classification"
    )
