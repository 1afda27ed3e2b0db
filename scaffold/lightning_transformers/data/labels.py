"""Class labels of datasets and models."""

import re
from collections.abc import Container, Iterable, Sequence
from typing import Any

from datasets import ClassLabel, Dataset, Json, LargeList, List
from torch import Tensor
from transformers import PreTrainedModel

from lightning_transformers.base.errors import ConfigurationError, did_you_mean
from lightning_transformers.base.types import Row
from lightning_transformers.data.loading import AnyDataset
from lightning_transformers.data.texts import NUMBER, STREAM_SAMPLE

LIST_AS_TEXT = re.compile(r"\[\s*(['\"\d]|\])")
"""The beginning of a list that was written as text."""
WHOLE = re.compile(r"-?(0|[1-9]\d*)(\.0+)?")
UNLABELLED = -1
"""Placeholder in the hub's test sets without public labels."""


class LabelEncoder:
    """Encodes the values of a label column as class indices.

    Args:
        names: class names in the order of the model's outputs.
        feature: the column's feature if its values are integers, possibly in another order of
            classes. Without a feature, an integer is a class name, or an index into `names` if no
            name is a number.
        place: column and split, for the error message.
    """

    def __init__(self, names: Sequence[str], feature: ClassLabel | None, place: str) -> None:
        self.names = list(names)
        self.place = place
        self.numbers = {name: number for number, name in enumerate(self.names)}
        numbered = not any(name.isdigit() for name in self.names)
        self.declared = feature.names if feature else self.names if numbered else []

    def __call__(self, value: object) -> int:
        """Return the class index of a value; raises ConfigurationError if it is not a class."""
        if str(value) not in self.numbers:
            value = whole_number(value)
        name = str(value)
        if isinstance(value, str) and name not in self.numbers:
            name = former_spelling(value, self.numbers)
        if type(value) is int and 0 <= value < len(self.declared):
            name = self.declared[value]
        if value is None or name not in self.numbers:
            raise ConfigurationError(
                f"the label '{value}' in {self.place} is none of the {len(self.names)} classes"
                f"{did_you_mean(name, self.names)}: fix the data, or set dataset.labels=[a,b]"
            )
        return self.numbers[name]


def class_names(model: PreTrainedModel) -> list[str]:
    """Return the class names of a model in the order of its outputs."""
    names: Any = model.config.id2label
    return [names[number] for number in range(len(names))]


def likely_classes(
    model: PreTrainedModel, logits: Tensor, all_probabilities: bool = False
) -> list[Row]:
    """Return the most probable class of each example.

    Args:
        model: the model, whose config has the class names.
        logits: `(batch, classes)`.
        all_probabilities: add `probabilities`, by class.

    Returns:
        `label` and `score`, its probability, for each example.
    """
    names, probabilities = class_names(model), logits.float().softmax(-1)
    scores, numbers = probabilities.max(-1)
    found: list[Row] = [
        {"label": names[number], "score": score}
        for number, score in zip(numbers.tolist(), scores.tolist(), strict=True)
    ]
    if all_probabilities:
        for row, values in zip(found, probabilities.tolist(), strict=True):
            row["probabilities"] = dict(zip(names, values, strict=True))
    return found


def class_label(rows: AnyDataset, column: str) -> ClassLabel | None:
    """Return the `ClassLabel` feature of a column of classes, or lists of classes, or None."""
    feature = (rows.features or {}).get(column)
    feature = getattr(feature, "feature", feature)
    return feature if isinstance(feature, ClassLabel) else None


def distinct_values(rows: Dataset, column: str) -> list[Any]:
    """Return the distinct values of a column; of a column of lists all, with repetitions.

    Raises:
        ConfigurationError: for a column of objects.
    """
    feature = rows.features[column]
    if isinstance(feature, dict | Json):
        raise ConfigurationError(
            f"column '{column}' has objects, or values with and without parts, not labels (such as "
            f"{rows[0][column]}): correct it, or set dataset.label_column=<column>"
        )
    if isinstance(feature, List | LargeList):  # Arrow cannot compare lists
        return list(rows[column])
    return list(rows.unique(column))


def first_values(rows: AnyDataset, column: str) -> list[Any]:
    """Return the distinct values of a column; of a stream, all values in its first rows.

    Args:
        rows: the rows; of a stream, the first `STREAM_SAMPLE` are read.
        column: the column.

    Raises:
        ConfigurationError: for a column of objects.
    """
    if isinstance(rows, Dataset):
        return distinct_values(rows, column)
    return [row.get(column) for row in rows.take(STREAM_SAMPLE)]


def whole_number(value: object) -> object:
    """Convert an integral float, and a text such as `1` or `1.0`, to int; `01` remains a text."""
    if isinstance(value, str) and WHOLE.fullmatch(value):
        return int(value.partition(".")[0])
    return int(value) if isinstance(value, float) and value.is_integer() else value


def require_no_list(value: str, fix: str) -> None:
    """Check that a text contains no list, as pandas writes one to a csv.

    Args:
        value: the text.
        fix: what to do instead, for the error message.

    Raises:
        ConfigurationError: for a text such as "['a', 'b']".
    """
    if LIST_AS_TEXT.match(value):
        raise ConfigurationError(f"{value[:30]!r} is a list written as text: use jsonl, {fix}")


def have_fractions(values: Iterable[Any]) -> bool:
    """Return whether all present values are numbers, some of them not whole.

    Args:
        values: numbers, texts such as `1.5`, and None for missing values.
    """
    present = [value for value in values if value is not None]
    numbers = [float(v) for v in present if isinstance(v, float) or NUMBER.fullmatch(str(v))]
    return len(numbers) == len(present) and any(number % 1 > 0 for number in numbers)


def former_spelling(label: str, known: Container[str]) -> str:
    """Return a label as versions before 0.2 read it from a csv: `01` as 1, and `true` as True.

    Args:
        label: the label as it is in the file.
        known: the classes of a checkpoint; without the former spelling, the label is unchanged.
    """
    former = str(int(label)) if label.isdecimal() else label.capitalize()
    return former if former in known else label


def is_unlabelled(rows: AnyDataset, column: str) -> bool:
    """Return whether no row has a label, as in a test set without public labels.

    Args:
        rows: the dataset. A stream with the column counts as labeled.
        column: the label column; it may be missing, or hold -1 or None in all rows.
    """
    if column not in (rows.column_names or [column]):
        return True
    if not isinstance(rows, Dataset):
        return False
    return list(map(whole_number, distinct_values(rows, column))) in ([UNLABELLED], [None])
