"""Loading raw datasets from local files, the package's samples, and the hub."""

import errno
import glob
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import datasets
from datasets import Dataset, DatasetDict, IterableDataset
from datasets.exceptions import DatasetGenerationError
from hydra.utils import to_absolute_path

from lightning_transformers.base.errors import ConfigurationError, first_line, joined
from lightning_transformers.base.hub import prepare_hub_access
from lightning_transformers.base.package_data import local_path
from lightning_transformers.base.types import Settings

AnyDataset: TypeAlias = "Dataset | IterableDataset"
"""A dataset in memory or on disk, or a stream of rows."""

SPLITS = ("train", "validation", "test", "predict")
BUILDERS = {".csv": "csv", ".json": "json", ".jsonl": "json", ".parquet": "parquet", ".txt": "text"}
OPTIONS: dict[str, Settings] = {"csv": {"keep_default_na": False, "na_values": [""]}}
"""Arguments of builders; in a csv only empty cells are missing values, not `None` or `NA`."""
PANDAS_INDEX = "__index_level_0__"  # column that pandas makes of fields without a header
NO_ROWS = "corresponds to no data"  # message of datasets for a csv without rows
UNKNOWN_CONFIG = re.compile(
    r"(?:Config name is missing|BuilderConfig .* not found).*?\[(.*?)\]", re.S
)
"""Message of datasets if no configuration is chosen, or an unknown one; group 1 lists the known."""

PERMISSION_ERRORS = {errno.EACCES, errno.EPERM, errno.EROFS}


def shipped_files(folder: str, suffix: str = "jsonl") -> dict[str, str]:
    """Return the files of a bundled sample, as `pkg://…`, by split.

    Args:
        folder: name of its folder in `assets`.
        suffix: file name extension, without the dot.
    """
    path = f"pkg://lightning_transformers/assets/{folder}"
    return {split: f"{path}/{split}.{suffix}" for split in ("train", "validation")}


@dataclass(frozen=True)
class DatasetReader:
    """Reads datasets, as a stream if requested.

    Attributes:
        cache_dir: cache folder of `datasets`; its default if None.
        streaming: read rows on demand.
    """

    cache_dir: str | None = None
    streaming: bool = False

    @property
    def folder(self) -> Path:
        """The cache folder, absolute."""
        return Path(self.cache_dir or datasets.config.HF_DATASETS_CACHE).expanduser().absolute()

    def load(self, *arguments: Any, **kwargs: Any) -> Any:
        """Call `datasets.load_dataset` with these options."""
        return datasets.load_dataset(
            *arguments, cache_dir=self.cache_dir, streaming=self.streaming, **kwargs
        )

    def cache_file(self, name: str) -> str:
        """Return the path of the cache file of processed rows, for a source only in memory.

        Args:
            name: the cache key of the rows.
        """
        return str(self.folder / "in_memory" / f"cache-{name}.arrow")

    def raise_if_unwritable(self, error: Exception) -> None:
        """Translate an error about an unwritable cache folder.

        Args:
            error: an error of `datasets`; any other cause is ignored.

        Raises:
            ConfigurationError: if the cache folder is not writable.
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
    """Load one file or folder per split.

    Args:
        files: by split, a csv, json, jsonl, parquet or txt file, or a folder of images with a
            subfolder per class (optional for `predict`); relative to the folder in which the
            command was run.
        reader: cache folder and streaming mode.

    Raises:
        ConfigurationError: for a file that is missing, empty, malformed or of an unknown type.
    """
    return DatasetDict({split: _load_file(split, file, reader) for split, file in files.items()})


def load_from_hub(
    name: str, config_name: str | None, revision: str | None, reader: DatasetReader
) -> DatasetDict:
    """Load the splits of a dataset on the Hugging Face hub.

    Args:
        name: id of the dataset.
        config_name: its configuration, if it has several.
        revision: branch, tag or commit.
        reader: cache folder and streaming mode.

    Raises:
        ConfigurationError: if the dataset does not exist or cannot be downloaded, or has several
            configurations and none of them is chosen.
    """
    prepare_hub_access()
    try:
        return reader.load(name, config_name, revision=revision)
    except (OSError, ValueError, datasets.exceptions.DatasetNotFoundError) as error:
        reader.raise_if_unwritable(error)
        if found := UNKNOWN_CONFIG.search(str(error)):
            fact = f"no configuration '{config_name}'" if config_name else "several configurations"
            known = joined(found[1].replace("'", "").split(", "))
            raise ConfigurationError(
                f"the dataset '{name}' has {fact}: set dataset.dataset_config_name to one of "
                f"{known}"
            ) from error
        raise ConfigurationError(
            f"cannot load the dataset '{name}': {first_line(error)} "
            "(offline? dataset.dataset_name=sample needs no network)"
        ) from error


def column_names(rows: AnyDataset) -> list[str]:
    """Return the column names; those of a json stream are taken from its first row."""
    return rows.column_names or list(next(iter(rows), {}))


def _load_file(split: str, file: str, reader: DatasetReader) -> AnyDataset:
    path = Path(to_absolute_path(local_path(file)))
    if path.is_dir():
        return _load_folder(split, file, path, reader)
    if not path.is_file():
        raise ConfigurationError(f"the {split} file '{file}' does not exist (looked for {path})")
    if path.suffix.lower() not in BUILDERS:
        known = ", ".join(BUILDERS)
        raise ConfigurationError(
            f"the {split} file '{file}' has the unknown extension '{path.suffix}' (known: {known})"
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
            "quote texts that contain commas"
        )
    return loaded


def _load_folder(split: str, folder: str, path: Path, reader: DatasetReader) -> AnyDataset:
    # Given the folder, the builder would treat a class named `train` or `test` as a split.
    images = str(Path(glob.escape(str(path))) / "**")
    try:
        rows = reader.load("imagefolder", data_files=images, split="train")
    except (DatasetGenerationError, ValueError, OSError) as error:
        reader.raise_if_unwritable(error)
        raise ConfigurationError(f"the {split} folder '{folder}' contains no images") from error
    if split != "predict" and "label" not in rows.features:
        raise ConfigurationError(
            f"the {split} folder '{folder}' must consist of a subfolder of images per class, of at "
            "least 2 classes"
        )
    return rows


def named_splits(dataset: DatasetDict, chosen: Mapping[str, str | None]) -> DatasetDict:
    """Select and rename the splits of a dataset on the hub.

    Args:
        dataset: splits by their names on the hub.
        chosen: for each of `SPLITS` the name of the split to use, or None for the same name.

    Returns:
        The splits that exist, by the names in `SPLITS`.

    Raises:
        ConfigurationError: if a chosen split does not exist, or none of `SPLITS` does.
    """
    splits = {}
    for split, name in chosen.items():
        if (name or split) in dataset:
            splits[split] = dataset[name or split]
        elif name:
            raise ConfigurationError(
                f"dataset.{split}_subset_name={name} is not a split of the dataset (it has: "
                f"{', '.join(dataset)})"
            )
    if not splits:
        raise ConfigurationError(
            f"the dataset has no split named {', '.join(SPLITS)} (it has: {', '.join(dataset)}): "
            "set dataset.train_subset_name=<split>"
        )
    return DatasetDict(splits)
