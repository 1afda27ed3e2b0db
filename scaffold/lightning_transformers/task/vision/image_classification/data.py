"""Data module of image classification: images with labels."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import torch
from datasets import Dataset, DatasetDict, Image, IterableDataset
from hydra.utils import to_absolute_path
from PIL import ImageOps
from PIL.Image import Image as PILImage
from torch import Tensor
from transformers import BaseImageProcessor

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.base.types import Batch, Columns, Row
from lightning_transformers.data.complete import Check, located
from lightning_transformers.data.labels import LabelEncoder, distinct_values
from lightning_transformers.data.loading import AnyDataset, shipped_files
from lightning_transformers.data.reading.dialect import ReadOptions
from lightning_transformers.data.reading.images import digest_of_images
from lightning_transformers.data.reading.names import is_url
from lightning_transformers.data.reading.reader import names_of, places_of
from lightning_transformers.data.reading.rows import FILE
from lightning_transformers.data.reading.sources import place_of
from lightning_transformers.data.texts import TEXT_TYPES
from lightning_transformers.task.shared.labels import LabelledData
from lightning_transformers.task.vision.image_classification.reading import (
    absolute_paths,
    missing_image,
    read_image,
    stored_image,
    unreadable_image,
)


class ImageClassificationDataModule(LabelledData):
    """Images with one class each, read and preprocessed batch by batch.

    A `*_file` may also be a folder with one subfolder of images per class, and `predict_file` a
    folder of images. A batch has `pixel_values` (batch, channels, height, width), float32, and
    `labels` (batch,), int64.
    """

    image_column: str = "image"
    """Column of images, or of paths, relative to the folder of their file."""
    random_flip: bool = False
    """Mirror each training image with probability 0.5, drawn anew in each epoch."""

    sample_files: ClassVar[dict[str, str]] = shipped_files("image_classification", "parquet")

    def read_options(self, split: str) -> ReadOptions:
        """Return how to read files: the images of a folder, even if it has other files."""
        return replace(super().read_options(split), prefers_images=True)

    def load_dataset(self) -> DatasetDict:
        """Return the raw splits, with images undecoded and paths absolute."""
        loaded = super().load_dataset()
        return DatasetDict(
            {split: self.resolve_image_paths(split, rows) for split, rows in loaded.items()}
        )

    def required_columns(self, split: str, rows: AnyDataset) -> Mapping[str, Check]:
        """Return the columns of images and labels; to drop broken images, all are read."""
        check = unreadable_image if self.on_bad_row == "drop" else missing_image
        return {self.image_column: check, **super().required_columns(split, rows)}

    def resolve_image_paths(self, split: str, rows: AnyDataset) -> AnyDataset:
        """Return rows with undecoded images, or with absolute paths.

        Other columns of images, such as bytes, are unchanged.

        Args:
            split: name of the split; paths are relative to the folders of its files.
            rows: its raw rows.
        """
        column, feature = self.image_column, (rows.features or {}).get(self.image_column)
        if isinstance(feature, Image):
            return rows.cast_column(column, Image(decode=False))
        if not self.named_files() or getattr(feature, "dtype", "string") not in TEXT_TYPES:
            return rows
        self.require_columns(split, rows, image_column=column)
        copies = self.reader.copies
        bases = ["" if is_url(n) else str(place_of(n, copies).parent) for n in names_of(rows)]
        resolve = partial(absolute_paths, column=column, bases=bases)
        if not isinstance(rows, Dataset):
            return rows.map(resolve, batched=True, features=rows.features)
        places = places_of(rows, range(len(rows))) or ()
        paths = resolve({column: rows[column], FILE: [file for file, _ in places]})[column]
        made = rows.add_column(FILE, paths).remove_columns(column).rename_column(FILE, column)
        return Dataset(made.data, made.info, fingerprint=digest_of_images(rows, paths))

    def files_of(self, split: str) -> list[str]:
        """Return the file or folder of a split, and the images whose paths the file contains."""
        files = super().files_of(split)
        rows = self.loaded_dataset[split] if files else None
        if not isinstance(rows, Dataset):
            return files
        if getattr(rows.features[self.image_column], "dtype", None) not in TEXT_TYPES:
            return files
        unpacked = str(self.reader.folder)
        return [*files, *(path for path in rows[self.image_column] if unpacked not in path)]

    def process_split(self, split: str, rows: AnyDataset) -> AnyDataset:
        """Return rows that are decoded into `image` and `labels` on access."""
        label = self.label_column if split != "predict" else None
        self.require_columns(split, rows, image_column=self.image_column, label_column=label)
        labels = self.label_encoder(split, rows) if label else None
        random_flip, image = self.random_flip and split == "train", self.image_column
        encode = partial(
            encode_images, image=image, label=label, labels=labels, random_flip=random_flip
        )
        if isinstance(rows, IterableDataset):
            return self.map_rows(split, rows, encode)
        if labels is not None:  # report an unknown label before the first step
            encode_labels = partial(encoded_labels, labels=labels, column=self.label_column)
            try:
                encode_labels({self.label_column: distinct_values(rows, self.label_column)})
            except ConfigurationError as error:
                named = rows.select_columns(self.label_column)
                raise located(error, split, named, encode_labels, len(rows)) from error
        return rows.with_transform(encode)

    def class_ids(self, rows: Dataset) -> Tensor:
        """Return the class ids of the training set, `(rows,)`, without reading its images."""
        labels, column = self.label_encoder("train", rows), self.label_column
        assert labels is not None
        classes = rows.select_columns(column).with_format(None)[:]
        return torch.tensor(encoded_labels(classes, labels=labels, column=column))

    @property
    def collate_fn(self) -> Callable[[Sequence[Row]], Batch]:
        """Return the function that collates examples, see `collate`."""
        return partial(collate, processor=self.processor)

    def clean_input(self, value: Any) -> Any:
        """Return an input cleaned; raises ConfigurationError for an image that cannot be read."""
        cleaned = super().clean_input(value)
        for row in self.predict_rows([cleaned]):
            read_image(row[self.image_column])
        return cleaned

    def predict_rows(self, inputs: Sequence[object]) -> list[Row]:
        """Return inputs to predict on as rows.

        Args:
            inputs: images, paths relative to the working directory, or mappings with
                `image_column`.

        Raises:
            ConfigurationError: for another input.
        """
        column = self.image_column
        return [{column: readable_image(self.input_row(value)[column])} for value in inputs]

    def input_row(self, value: Any) -> Row:
        """Return an input to predict on as a row with `image_column`."""
        is_row = isinstance(value, Mapping) and self.image_column in value
        return dict(value) if is_row else {self.image_column: value}

    def predict_dataset(self, inputs: Sequence[object]) -> Dataset:
        """Return inputs as a dataset of images as `datasets` stores them: `bytes` and `path`."""
        rows = self.predict_rows(inputs)
        return Dataset.from_list([{c: stored_image(v) for c, v in row.items()} for row in rows])


def encode_images(
    columns: Columns,
    *,
    image: str,
    label: str | None,
    labels: LabelEncoder | None,
    random_flip: bool,
) -> Columns:
    """Return the column `image`, in RGB, and with `labels` the class ids of the images.

    Args:
        columns: the rows.
        image: column of the images.
        label: column of the labels; None for rows without labels.
        labels: encodes a class as its id.
        random_flip: mirror each image with probability 0.5.

    Raises:
        ConfigurationError: for an image that cannot be read, or an unknown label.
    """
    images = [read_image(value) for value in columns[image]]
    if random_flip:
        images = [ImageOps.mirror(i) if torch.rand(()) < 0.5 else i for i in images]
    if label is None or labels is None:
        return {"image": images}
    return {"image": images, "labels": encoded_labels(columns, labels=labels, column=label)}


def encoded_labels(columns: Columns, *, labels: LabelEncoder, column: str) -> list[int]:
    """Return the ids of the classes in a column."""
    return [labels(value) for value in columns[column]]


def collate(examples: Sequence[Row], processor: BaseImageProcessor) -> Batch:
    """Return `pixel_values` (batch, channels, height, width) and `labels` (batch,), int64.

    Args:
        examples: each with `image` and optionally `labels`.
        processor: the image processor.
    """
    images = [example["image"] for example in examples]
    batch: Batch = dict(processor(images, return_tensors="pt"))
    if "labels" in examples[0]:
        batch["labels"] = torch.tensor([example["labels"] for example in examples])
    return batch


def readable_image(value: object) -> object:
    """Return an input to predict on as an image, an absolute path, or `{bytes, path}`.

    Args:
        value: an image, a path, or a mapping with `bytes` or `path`.

    Raises:
        ConfigurationError: for another input.
    """
    if isinstance(value, str | Path) and str(value):
        return to_absolute_path(str(value))
    if isinstance(value, PILImage):
        return value.copy()  # without its file, which may have other content
    if isinstance(value, Mapping) and {"bytes", "path"} & value.keys():
        return value
    raise ConfigurationError(f"no image in input {value!r}: give the path of an image")
