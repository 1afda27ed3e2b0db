"""Class labels of a data module: their names and ids."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Annotated, Any

import pyarrow as pa
import pyarrow.compute as pc
import torch
from datasets import Dataset, DatasetDict
from pydantic import Field
from torch import Tensor

from lightning_transformers.base.errors import ConfigurationError, joined
from lightning_transformers.core.data import TransformerDataModule
from lightning_transformers.data.complete import Check, missing_value
from lightning_transformers.data.labels import (
    LabelEncoder,
    class_label,
    distinct_values,
    is_unlabelled,
    require_no_list,
    whole_number,
)
from lightning_transformers.data.loading import AnyDataset


class LabelledData(TransformerDataModule):
    """Mixin for data modules with a class per example or token.

    The classes are those of the dataset's `ClassLabel` feature, or else the sorted distinct values
    of the training set.
    """

    label_column: str = "label"
    labels: Annotated[list[str], Field(min_length=2)] | None = None
    """Names of the classes, in the order of the model's logits."""
    stratify: bool = False
    """Hold out `train_val_split` of the rows of each class."""

    def class_names(self) -> list[str]:
        """Return `labels`; if None, infer them from the dataset once, and set `labels`.

        Raises:
            ConfigurationError: if they cannot be inferred, or if `labels` has a class twice.
        """
        if self.labels is None:
            self.labels = self.infer_labels(self.loaded_dataset)
            self.hparams["labels"] = self.labels
            self.notices.similar_classes(self.labels)
        if repeated := sorted({name for name in self.labels if self.labels.count(name) > 1}):
            raise ConfigurationError(
                f"dataset.labels has {joined(repeated)} twice: give each class once, in the "
                "order of the model's outputs"
            )
        return self.labels

    def infer_labels(self, dataset: DatasetDict) -> list[str]:
        """Return the class names that the dataset declares or contains.

        Raises:
            ConfigurationError: if the label column is missing, has fewer than two classes, has
                lists as texts, or belongs to a stream that declares no classes.
        """
        split = "train" if "train" in dataset else next(iter(dataset))
        rows = dataset[split]
        self.require_columns(split, rows, label_column=self.label_column)
        feature = class_label(rows, self.label_column)
        if feature is not None:
            return list(feature.names)
        if not isinstance(rows, Dataset):
            raise ConfigurationError(
                "cannot infer the classes of a streaming dataset: set dataset.labels=[a,b]"
            )
        values = set(map(whole_number, self.label_values(distinct_values(rows, self.label_column))))
        for value in values:
            require_no_list(str(value), "or one column of single classes")
        if len(values) < 2:
            raise ConfigurationError(
                f"the column '{self.label_column}' of the {split} set has "
                f"{'the single class ' + repr(str(*values)) if values else 'no classes'}, at least "
                "2 are required: set dataset.labels=[a,b]"
            )
        names = [str(value) for value in sorted(values, key=lambda v: (isinstance(v, str), v))]
        self.notices.inferred(
            f"the values of '{self.label_column}' in the {split} set", labels=names
        )
        return names

    def label_values(self, values: Iterable[Any]) -> Iterable[Any]:
        """Return the classes in the values of the label column; override if a value holds a list.

        Args:
            values: distinct values of the label column.
        """
        return (value for value in values if value is not None)

    def label_encoder(self, split: str, rows: AnyDataset) -> "LabelEncoder | None":
        """Return the encoder from values of the label column to class ids.

        None if the labels are not classes: a subclass returns it for numbers to predict.

        Args:
            split: name of the split, for the error message of the encoder.
            rows: the rows of the split.
        """
        place = f"column '{self.label_column}' of the {split} set"
        return LabelEncoder(self.class_names(), class_label(rows, self.label_column), place)

    def required_columns(self, split: str, rows: AnyDataset) -> Mapping[str, Check]:
        """Return the column of the labels."""
        return {self.label_column: missing_value}

    def stratified_column(self) -> str | None:
        """Return the label column if `stratify` or `fold` is set."""
        return self.label_column if self.stratify or self.fold else None

    def build_dataset(self) -> DatasetDict:
        """Return the processed splits, see the base class; warns of classes without a row."""
        processed = super().build_dataset()
        rows = self.select_samples(self.raw_dataset).get("train")
        # A project may add or change labels when it processes the rows: then nothing is known here.
        if isinstance(rows, Dataset) and self.label_column in rows.column_names:
            with suppress(ConfigurationError):
                self._warn_of_absent_classes(rows)
        return processed

    def _warn_of_absent_classes(self, rows: Dataset) -> None:
        if encode := self.label_encoder("train", rows):
            values = self.label_values(distinct_values(rows, self.label_column))
            present = set(map(encode, values))
            names = self.class_names()
            self.notices.absent_classes([n for i, n in enumerate(names) if i not in present])

    def class_counts(self) -> list[int]:
        """Return the number of labels of each class in the training set, after `setup`.

        Raises:
            ConfigurationError: for a stream, or a training set without class ids.
        """
        assert self.dataset is not None
        rows = self.dataset["train"]
        if not isinstance(rows, Dataset):
            raise ConfigurationError(
                "task.class_weights=balanced requires the numbers of rows, which a stream does not "
                "tell: give a list of weights"
            )
        ids = self.class_ids(rows)
        return [*map(int, ids[ids >= 0].bincount(minlength=len(self.class_names())))]

    def class_ids(self, rows: Dataset) -> Tensor:
        """Return the class ids of all labels of a processed split, `(labels,)`; -100 if masked.

        Args:
            rows: the split, with `labels`, also lists of them.
        """
        ids = rows.select_columns("labels").with_format("arrow")[:]["labels"]
        while pa.types.is_nested(ids.type):
            ids = pc.list_flatten(ids)
        return torch.tensor(ids.to_numpy())

    def is_unlabelled(self, rows: AnyDataset) -> bool:
        """Return whether all labels of a split are missing."""
        return is_unlabelled(rows, self.label_column)

    @property
    def model_data_kwargs(self) -> dict[str, Any]:
        """Return also `id2label` and `label2id`, unless there is no data to infer them from."""
        if self.labels is None and not self.has_source:
            return super().model_data_kwargs
        names = self.class_names()
        return {
            **super().model_data_kwargs,
            "id2label": dict(enumerate(names)),
            "label2id": {name: number for number, name in enumerate(names)},
        }
