"""The classes of a labelled data set: inferred, or given, and looked up."""

from collections.abc import Iterable, Sequence
from typing import Any

from datasets import ClassLabel, Dataset, DatasetDict, LargeList, List
from torch import Tensor
from transformers import PreTrainedModel

from lightning_transformers.core.data import TransformerDataModule
from lightning_transformers.core.sources import Rows
from lightning_transformers.errors import ConfigurationError, did_you_mean

UNLABELLED = -1
"""What the hub's data sets put where the label is kept secret."""


class LabelledData(TransformerDataModule):
    """Data with a class for each row, or each token; mixed into a data module.

    The classes are those that the data set declares, else the values in the training set, sorted.
    """

    label_column: str = "label"
    labels: list[str] | None = None
    """Names of the classes, in the order of the model's outputs."""

    def class_names(self) -> list[str]:
        """Return `labels`, or infer them once, before a part is held out to validate on."""
        if self.labels is None:
            self.labels = self.infer_labels(self.loaded_dataset)
            self.hparams["labels"] = self.labels
        return self.labels

    def infer_labels(self, dataset: DatasetDict) -> list[str]:
        """Return the names of the classes that the data set declares or holds.

        Raises:
            ConfigurationError: if there is no such column, or fewer than two classes.
        """
        split = "train" if "train" in dataset else next(iter(dataset))
        rows = dataset[split]
        self.require_columns(split, rows, label_column=self.label_column)
        feature = class_label(rows, self.label_column)
        if feature is not None:
            return list(feature.names)
        if not isinstance(rows, Dataset):
            raise ConfigurationError(
                "the classes of a stream are not known beforehand: set dataset.labels=[a,b]"
            )
        values = set(map(whole, self.label_values(distinct(rows, self.label_column))))
        if len(values) < 2:
            raise ConfigurationError(
                f"the column '{self.label_column}' of the {split} set has {len(values)} class "
                f"{sorted(map(str, values))}: at least 2 are needed, or set dataset.labels=[a,b]"
            )
        return [str(value) for value in sorted(values, key=lambda v: (isinstance(v, str), v))]

    def label_values(self, values: Iterable[Any]) -> Iterable[Any]:
        """Return the classes in the values of the column; override where a value holds several."""
        return (value for value in values if value is not None)

    def label_encoder(self, split: str, rows: Rows) -> "LabelEncoder | None":
        """Return what turns the classes of a split into their numbers."""
        place = f"column '{self.label_column}' of the {split} set"
        return LabelEncoder(self.class_names(), class_label(rows, self.label_column), place)

    def is_unlabelled(self, rows: Rows) -> bool:
        """Tell whether no row has a label to test with."""
        return is_unlabelled(rows, self.label_column)

    @property
    def model_data_kwargs(self) -> dict[str, Any]:
        """Return the classes as well; without data to infer them from, the model's own stay."""
        if self.labels is None and not self.has_source:
            return super().model_data_kwargs
        names = self.class_names()
        return {
            **super().model_data_kwargs,
            "id2label": dict(enumerate(names)),
            "label2id": {name: number for number, name in enumerate(names)},
        }


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

    def __call__(self, value: Any) -> int:
        """Return the number of a class."""
        if str(value) not in self.numbers:
            value = whole(value)
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


def likely_classes(model: PreTrainedModel, logits: Tensor) -> list[dict[str, Any]]:
    """Return the most probable class for each row of logits, as `label` and `score`."""
    names = class_names(model)
    scores, numbers = logits.float().softmax(-1).max(-1)
    return [
        {"label": names[int(number)], "score": float(score)}
        for number, score in zip(numbers, scores, strict=True)
    ]


def class_label(rows: Rows, column: str) -> ClassLabel | None:
    """Return the declaration of a column of classes, or of lists of them, if there is one."""
    feature = (rows.features or {}).get(column)
    feature = getattr(feature, "feature", feature)
    return feature if isinstance(feature, ClassLabel) else None


def distinct(rows: Dataset, column: str) -> list[Any]:
    """Return the different values of a column; all of them if they are lists."""
    if isinstance(rows.features[column], List | LargeList):  # which Arrow does not compare
        return list(rows[column])
    return rows.unique(column)  # type: ignore[no-any-return]


def whole(value: Any) -> Any:
    """Return a number without a fraction as an integer: a blank makes a column of them floats."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def is_unlabelled(rows: Rows, column: str) -> bool:
    """Tell whether all rows lack a label, as those of a test set that is kept secret."""
    if column not in (rows.column_names or [column]):
        return True
    return isinstance(rows, Dataset) and distinct(rows, column) in ([UNLABELLED], [None])
