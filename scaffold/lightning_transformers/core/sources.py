"""Where raw examples come from: the user's files, the files of the package, the hub."""

from collections.abc import Mapping
from pathlib import Path

import datasets
from datasets import Dataset, DatasetDict
from datasets.exceptions import DatasetGenerationError
from hydra.utils import to_absolute_path

from lightning_transformers.core.hub import prepare_hub_access
from lightning_transformers.core.resources import local_path
from lightning_transformers.errors import ConfigurationError, first_line

BUILDERS = {".csv": "csv", ".json": "json", ".jsonl": "json", ".txt": "text"}
PANDAS_INDEX = "__index_level_0__"  # what becomes of a field that no header names
NO_ROWS = "corresponds to no data"  # what datasets says of a csv with a header only


def load_files(files: Mapping[str, str], cache_dir: str | None = None) -> DatasetDict:
    """Return one split per file.

    Args:
        files: a csv, json, jsonl or txt file per split; relative paths are relative to where the
            command was typed.
        cache_dir: where `datasets` keeps its copies.

    Raises:
        ConfigurationError: for a file that is missing, empty, of another kind or malformed.
    """
    return DatasetDict({split: _load_file(split, file, cache_dir) for split, file in files.items()})


def load_from_hub(
    name: str, config_name: str | None, revision: str | None, cache_dir: str | None
) -> DatasetDict:
    """Return the splits of a dataset on the Hugging Face hub.

    Raises:
        ConfigurationError: if there is no such dataset or it cannot be reached.
    """
    prepare_hub_access()
    try:
        loaded = datasets.load_dataset(name, config_name, revision=revision, cache_dir=cache_dir)
    except (OSError, ValueError, datasets.exceptions.DatasetNotFoundError) as error:
        raise ConfigurationError(
            f"cannot load the dataset '{name}': {first_line(error)} "
            "(offline? dataset.dataset_name=sample needs no network)"
        ) from error
    assert isinstance(loaded, DatasetDict)
    return loaded


def _load_file(split: str, file: str, cache_dir: str | None) -> Dataset:
    path = Path(to_absolute_path(local_path(file)))
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
        loaded = datasets.load_dataset(
            BUILDERS[path.suffix.lower()], data_files=str(path), split="train", cache_dir=cache_dir
        )
    except (DatasetGenerationError, ValueError, OSError) as error:
        reason = first_line(error.__cause__ or error)
        if NO_ROWS in reason:
            raise ConfigurationError(f"the {split} file '{file}' has no rows") from error
        raise ConfigurationError(f"cannot read the {split} file '{file}': {reason}") from error
    assert isinstance(loaded, Dataset)
    if PANDAS_INDEX in loaded.column_names:
        raise ConfigurationError(
            f"the rows of the {split} file '{file}' have more fields than its header: "
            "put texts with commas in quotes"
        )
    return loaded
