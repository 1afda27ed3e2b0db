"""Images with labels."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import torch
from datasets import Dataset, DatasetDict, Image, IterableDataset
from hydra.utils import to_absolute_path
from PIL import ImageOps
from PIL.Image import Image as PILImage
from transformers import BaseImageProcessor

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.base.package_data import local_path
from lightning_transformers.base.types import Batch, Columns, Row
from lightning_transformers.core.data import TransformerDataModule
from lightning_transformers.data.cache import fingerprint
from lightning_transformers.data.labels import LabelEncoder, distinct_values
from lightning_transformers.data.loading import AnyDataset, shipped_files
from lightning_transformers.data.texts import TEXT_TYPES
from lightning_transformers.task.shared.labels import LabelledData
from lightning_transformers.task.vision.image_classification.reading import (
    absolute_paths,
    read_image,
)


class ImageClassificationDataModule(LabelledData):
    """Images with a class each; they are read, and made into pixels, one batch at a time.

    A `*_file` may also be a folder that holds a folder of images for each class, and
    `predict_file` a folder of images.
    """

    image_column: str = "image"
    """The column of images, or of paths to them, relative to the file that they stand in."""
    random_flip: bool = False
    """Mirror every other training image, drawn anew each time."""

    sample_files: ClassVar[dict[str, str]] = shipped_files("image_classification", "parquet")

    def load_dataset(self) -> DatasetDict:
        """Return the raw splits, their images not read yet and their paths absolute."""
        loaded = super().load_dataset()
        return DatasetDict({split: self.located(split, rows) for split, rows in loaded.items()})

    def located(self, split: str, rows: AnyDataset) -> AnyDataset:
        """Return rows that say where their images are.

        Raises:
            ConfigurationError: for a path that a file names and where there is no image.
        """
        column, file = self.image_column, self.named_files().get(split)
        feature = (rows.features or {}).get(column)
        if isinstance(feature, Image):
            return rows.cast_column(column, Image(decode=False))
        if file is None or getattr(feature, "dtype", "string") not in TEXT_TYPES:
            return rows
        self.require_columns(split, rows, image_column=column)
        base = str(Path(to_absolute_path(local_path(file))).parent)
        arguments = {"column": column, "base": base}
        common: dict[str, Any] = {"batched": True, "fn_kwargs": arguments}
        if isinstance(rows, Dataset):
            common["new_fingerprint"] = fingerprint(
                rows, absolute_paths, arguments, TransformerDataModule
            )
        return rows.map(absolute_paths, **common)

    def files_of(self, split: str) -> list[str]:
        """Return the named file or folder, and the images that a file names."""
        files = super().files_of(split)
        rows = self.loaded_dataset[split] if files else None
        if not isinstance(rows, Dataset):
            return files
        named = getattr(rows.features[self.image_column], "dtype", None) in TEXT_TYPES
        return [*files, *rows[self.image_column]] if named else files

    def process_split(self, split: str, rows: AnyDataset) -> AnyDataset:
        """Return rows that become an `image` and its `labels` when they are read."""
        label = self.label_column if split != "predict" else None
        self.require_columns(split, rows, image_column=self.image_column, label_column=label)
        labels = self.label_encoder(split, rows) if label else None
        random_flip, image = self.random_flip and split == "train", self.image_column
        encode = partial(
            encode_images, image=image, label=label, labels=labels, random_flip=random_flip
        )
        if isinstance(rows, IterableDataset):
            return self.map_rows(split, rows, encode)
        if labels is not None:  # a label outside the classes is to be said before the first step
            for value in distinct_values(rows, self.label_column):
                labels(value)
        return rows.with_transform(encode)

    @property
    def collate_fn(self) -> Callable[[Sequence[Row]], Batch]:
        """Return the function that makes a batch of `pixel_values` and `labels`."""
        return partial(collate, processor=self.processor)

    def predict_rows(self, inputs: Sequence[object]) -> list[Row]:
        """Return images, paths to images and mappings with either as rows.

        Args:
            inputs: a path is relative to where the command was typed.
        """
        return [{self.image_column: stored(value, self.image_column)} for value in inputs]


def encode_images(
    columns: Columns,
    *,
    image: str,
    label: str | None,
    labels: LabelEncoder | None,
    random_flip: bool,
) -> Columns:
    """Return the images of rows, in RGB, and the numbers of their classes."""
    images = [read_image(value) for value in columns[image]]
    if random_flip:
        images = [ImageOps.mirror(i) if torch.rand(()) < 0.5 else i for i in images]
    if label is None or labels is None:
        return {"image": images}
    return {"image": images, "labels": [labels(value) for value in columns[label]]}


def collate(examples: Sequence[Row], processor: BaseImageProcessor) -> Batch:
    """Return `pixel_values` (batch, channels, height, width) and, where known, `labels` (batch)."""
    images = [example["image"] for example in examples]
    batch: Batch = dict(processor(images, return_tensors="pt"))
    if "labels" in examples[0]:
        batch["labels"] = torch.tensor([example["labels"] for example in examples])
    return batch


def stored(value: object, column: str) -> Row:
    """Return an image to predict on as `datasets` stores it: its bytes, or its path."""
    if isinstance(value, Mapping) and column in value:
        value = value[column]
    if isinstance(value, str | Path) and str(value):
        value = to_absolute_path(str(value))
    elif isinstance(value, PILImage):
        value = value.copy()  # which forgets the file, where it may look otherwise
    elif not (isinstance(value, Mapping) and {"bytes", "path"} & value.keys()):
        raise ConfigurationError(
            f"nothing to predict on in {value!r}: give +x=<path of an image>, or a mapping with "
            f"'{column}'"
        )
    row: Row = Image().encode_example(value)
    return row
