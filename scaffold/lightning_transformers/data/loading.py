"""Where raw examples come from: the user's files, the files of the package, the hub."""

import errno
import glob
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import datasets
from datasets import Dataset, DatasetDict, IterableDataset
from datasets.exceptions import DatasetGenerationError
from hydra.utils import to_absolute_path

from lightning_transformers.base.errors import ConfigurationError, first_line
from lightning_transformers.base.hub import prepare_hub_access
from lightning_transformers.base.package_data import local_path
from lightning_transformers.base.types import Settings

AnyDataset: TypeAlias = "Dataset | IterableDataset"

SPLITS = ("train", "validation", "test", "predict")
BUILDERS = {".csv": "csv", ".json": "json", ".jsonl": "json", ".parquet": "parquet", ".txt": "text"}
OPTIONS: dict[str, Settings] = {"csv": {"keep_default_na": False, "na_values": [""]}}
"""Of the builders; in a csv, only what is empty is missing, and not a class `None` or `NA`."""
PANDAS_INDEX = "__index_level_0__"  # what becomes of a field that no header names
NO_ROWS = "corresponds to no data"  # what datasets says of a csv with a header only

PERMISSION_ERRORS = {errno.EACCES, errno.EPERM, errno.EROFS}


def shipped_files(folder: str, suffix: str = "jsonl") -> dict[str, str]:
    """Return the files of a sample that ships with the package, per split.

    Args:
        folder: its name among the assets.
        suffix: of its files.
    """
    path = f"pkg://lightning_transformers/assets/{folder}"
    return {split: f"{path}/{split}.{suffix}" for split in ("train", "validation")}


@dataclass(frozen=True)
class DatasetReader:
    """How to read.

    Attributes:
        cache_dir: where `datasets` keeps its copies; its own folder by default.
        streaming: read rows as they are needed.
    """

    cache_dir: str | None = None
    streaming: bool = False

    @property
    def folder(self) -> Path:
        """Where the copies are."""
        return Path(self.cache_dir or datasets.config.HF_DATASETS_CACHE).expanduser().absolute()

    def load(self, *arguments: Any, **kwargs: Any) -> Any:
        """Return what `datasets.load_dataset` does."""
        return datasets.load_dataset(
            *arguments, cache_dir=self.cache_dir, streaming=self.streaming, **kwargs
        )

    def cache_file(self, name: str) -> str:
        """Return where to keep what comes of rows that are in no file, beside which it would be."""
        return str(self.folder / "in_memory" / f"cache-{name}.arrow")

    def raise_if_unwritable(self, error: Exception) -> None:
        """Check that an error does not come of a folder that cannot be written.

        Raises:
            ConfigurationError: naming the folder.
        """
        cause = error.__cause__ or error
        file = Path(str(getattr(cause, "filename", None))).absolute()
        within = file.is_relative_to(self.folder) or self.folder.is_relative_to(file)
        if within and getattr(cause, "errno", None) in PERMISSION_ERRORS:
            raise ConfigurationError(
                f"cannot write to the cache {self.folder}: {first_line(cause)}: "
                "set dataset.cache_dir=<folder>"
            ) from error


def load_files(files: Mapping[str, str], reader: DatasetReader) -> DatasetDict:
    """Return one split per file.

    Args:
        files: a csv, json, jsonl, parquet or txt file per split, or a folder of images, in one
            folder for each class unless they are to predict on; relative paths are relative to
            where the command was typed.
        reader: how to read them.

    Raises:
        ConfigurationError: for a file that is missing, empty, of another kind or malformed.
    """
    return DatasetDict({split: _load_file(split, file, reader) for split, file in files.items()})


def load_from_hub(
    name: str, config_name: str | None, revision: str | None, reader: DatasetReader
) -> DatasetDict:
    """Return the splits of a dataset on the Hugging Face hub.

    Raises:
        ConfigurationError: if there is no such dataset or it cannot be reached.
    """
    prepare_hub_access()
    try:
        return reader.load(name, config_name, revision=revision)
    except (OSError, ValueError, datasets.exceptions.DatasetNotFoundError) as error:
        reader.raise_if_unwritable(error)
        raise ConfigurationError(
            f"cannot load the dataset '{name}': {first_line(error)} "
            "(offline? dataset.dataset_name=sample needs no network)"
        ) from error


def column_names(rows: AnyDataset) -> list[str]:
    """Return the columns; a stream of json does not know them before its first row."""
    return rows.column_names or list(next(iter(rows), {}))


def _load_file(split: str, file: str, reader: DatasetReader) -> AnyDataset:
    path = Path(to_absolute_path(local_path(file)))
    if path.is_dir():
        return _load_folder(split, file, path, reader)
    if not path.is_file():
        raise ConfigurationError(f"the {split} file '{file}' is not there (looked for {path})")
    if path.suffix.lower() not in BUILDERS:
        known = ", ".join(BUILDERS)
        raise ConfigurationError(
            f"the {split} file '{file}' has the ending '{path.suffix}' (known: {known})"
        )
    if path.stat().st_size == 0:
        raise ConfigurationError(f"the {split} file '{file}' is empty")
    try:
        name, builder = glob.escape(str(path)), BUILDERS[path.suffix.lower()]
        options = OPTIONS.get(builder, {})
        loaded = reader.load(builder, data_files=name, split="train", **options)
    except (DatasetGenerationError, ValueError, OSError) as error:
        reader.raise_if_unwritable(error)
        reason = first_line(error.__cause__ or error)
        if NO_ROWS in reason:
            raise ConfigurationError(f"the {split} file '{file}' has no rows") from error
        raise ConfigurationError(f"cannot read the {split} file '{file}': {reason}") from error
    columns = column_names(loaded)
    if not columns:
        raise ConfigurationError(f"the {split} file '{file}' has no rows")
    if PANDAS_INDEX in columns:
        raise ConfigurationError(
            f"the rows of the {split} file '{file}' have more fields than its header: "
            "put texts with commas in quotes"
        )
    return loaded


def _load_folder(split: str, folder: str, path: Path, reader: DatasetReader) -> AnyDataset:
    # Given the folder itself, the builder takes a class called `train` or `test` for a split.
    images = str(Path(glob.escape(str(path))) / "**")
    try:
        rows = reader.load("imagefolder", data_files=images, split="train")
    except (DatasetGenerationError, ValueError, OSError) as error:
        reader.raise_if_unwritable(error)
        raise ConfigurationError(f"the {split} folder '{folder}' holds no images") from error
    if split != "predict" and "label" not in rows.features:
        raise ConfigurationError(
            f"the {split} folder '{folder}' must have a folder of images for each class, at least "
            "2, and no image beside them"
        )
    return rows


def named_splits(dataset: DatasetDict, chosen: Mapping[str, str | None]) -> DatasetDict:
    """Return the splits that are chosen and those with a known name, under the known names.

    Args:
        dataset: splits by the names that the hub has for them.
        chosen: for each of `SPLITS` the name that stands for it, or None for its own.

    Raises:
        ConfigurationError: if one that is chosen is not there.
    """
    splits = {}
    for split, name in chosen.items():
        if (name or split) in dataset:
            splits[split] = dataset[name or split]
        elif name:
            raise ConfigurationError(
                f"dataset.{split}_subset_name={name}: the dataset has no such split (it has: "
                f"{', '.join(dataset)})"
            )
    return DatasetDict(splits)
