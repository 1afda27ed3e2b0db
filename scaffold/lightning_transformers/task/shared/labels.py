"""Data modules with a class per row or token: the classes and their numbers."""

from collections.abc import Iterable
from typing import Any

from datasets import Dataset, DatasetDict

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.core.data import TransformerDataModule
from lightning_transformers.data.labels import (
    LabelEncoder,
    class_label,
    distinct_values,
    is_unlabelled,
    whole_number,
)
from lightning_transformers.data.loading import AnyDataset


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
        values = set(map(whole_number, self.label_values(distinct_values(rows, self.label_column))))
        if len(values) < 2:
            raise ConfigurationError(
                f"the column '{self.label_column}' of the {split} set has {len(values)} class "
                f"{sorted(map(str, values))}: at least 2 are needed, or set dataset.labels=[a,b]"
            )
        return [str(value) for value in sorted(values, key=lambda v: (isinstance(v, str), v))]

    def label_values(self, values: Iterable[Any]) -> Iterable[Any]:
        """Return the classes in the values of the column; override where a value holds several."""
        return (value for value in values if value is not None)

    def label_encoder(self, split: str, rows: AnyDataset) -> "LabelEncoder | None":
        """Return what turns the classes of a split into their numbers."""
        place = f"column '{self.label_column}' of the {split} set"
        return LabelEncoder(self.class_names(), class_label(rows, self.label_column), place)

    def is_unlabelled(self, rows: AnyDataset) -> bool:
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
