"""The classes of a labelled data set: inferred, or given, and looked up."""

from collections.abc import Sequence
from typing import Any

from datasets import ClassLabel, Dataset, LargeList, List
from torch import Tensor
from transformers import PreTrainedModel

from lightning_transformers.base.errors import ConfigurationError, did_you_mean
from lightning_transformers.base.types import Row
from lightning_transformers.data.loading import AnyDataset

UNLABELLED = -1
"""What the hub's data sets put where the label is kept secret."""


class LabelEncoder:
    """Turns the values of a column into numbers of classes.

    Args:
        names: the classes in the order of the model's outputs.
        feature: the declaration of the column where its values are numbers already, which may
            have the classes in another order. Without one a number is a name, or where no name
            has digits alone the place of one in `names`.
        place: column and split, for the message.

    Raises:
        ConfigurationError: for a value outside the classes.
    """

    def __init__(self, names: Sequence[str], feature: ClassLabel | None, place: str) -> None:
        self.names = list(names)
        self.place = place
        self.numbers = {name: number for number, name in enumerate(self.names)}
        numbered = not any(name.isdigit() for name in self.names)
        self.declared = feature.names if feature else self.names if numbered else []

    def __call__(self, value: object) -> int:
        """Return the number of a class."""
        if str(value) not in self.numbers:
            value = whole_number(value)
        name = str(value)
        if type(value) is int and 0 <= value < len(self.declared):
            name = self.declared[value]
        if value is None or name not in self.numbers:
            raise ConfigurationError(
                f"the label '{value}' in {self.place} is none of the {len(self.names)} classes"
                f"{did_you_mean(name, self.names)}: mend the data, or set dataset.labels=[a,b]"
            )
        return self.numbers[name]


def class_names(model: PreTrainedModel) -> list[str]:
    """Return the names of a model's classes in the order of its outputs."""
    names: Any = model.config.id2label
    return [names[number] for number in range(len(names))]


def likely_classes(model: PreTrainedModel, logits: Tensor) -> list[Row]:
    """Return the most probable class for each row of logits, as `label` and `score`."""
    names = class_names(model)
    scores, numbers = logits.float().softmax(-1).max(-1)
    return [
        {"label": names[int(number)], "score": float(score)}
        for number, score in zip(numbers, scores, strict=True)
    ]


def class_label(rows: AnyDataset, column: str) -> ClassLabel | None:
    """Return the declaration of a column of classes, or of lists of them, if there is one."""
    feature = (rows.features or {}).get(column)
    feature = getattr(feature, "feature", feature)
    return feature if isinstance(feature, ClassLabel) else None


def distinct_values(rows: Dataset, column: str) -> list[Any]:
    """Return the different values of a column; all of them if they are lists."""
    if isinstance(rows.features[column], List | LargeList):  # which Arrow does not compare
        return list(rows[column])
    return list(rows.unique(column))


def whole_number(value: object) -> object:
    """Return a number without a fraction as an integer: a blank makes a column of them floats."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def is_unlabelled(rows: AnyDataset, column: str) -> bool:
    """Tell whether all rows lack a label, as those of a test set that is kept secret."""
    if column not in (rows.column_names or [column]):
        return True
    return isinstance(rows, Dataset) and distinct_values(rows, column) in ([UNLABELLED], [None])
