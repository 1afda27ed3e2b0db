"""Read two text files whose lines are pairs."""

import glob
from pathlib import Path

from datasets import Dataset, concatenate_datasets
from hydra.utils import to_absolute_path

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.base.package_data import local_path
from lightning_transformers.data.loading import DatasetReader


def load_pairs(
    files: tuple[str | None, str | None], columns: tuple[str, str], reader: DatasetReader
) -> Dataset:
    """Return the lines of two text files as pairs.

    Args:
        files: the files, relative to the folder in which the command was run.
        columns: names for their texts.
        reader: cache folder and streaming mode.

    Raises:
        ConfigurationError: if a file is not set or missing, if they differ in their number of
            lines, or for a stream.
    """
    first, second = files
    if first is None or second is None:
        raise ConfigurationError(
            "set both dataset.source_file=<file> and dataset.target_file=<file>"
        )
    if reader.streaming:
        raise ConfigurationError(
            "source_file and target_file cannot be streamed: set dataset.streaming=false"
        )
    one, other = lines_of(first, columns[0], reader), lines_of(second, columns[1], reader)
    if len(one) != len(other):
        raise ConfigurationError(
            f"'{first}' has {len(one)} lines, '{second}' has {len(other)}: the same line of both "
            "must be a pair"
        )
    return concatenate_datasets([one, other], axis=1)


def lines_of(file: str, column: str, reader: DatasetReader) -> Dataset:
    """Return all lines of a text file as a column; raises ConfigurationError if it is missing."""
    path = Path(to_absolute_path(local_path(file)))
    if not path.is_file():
        raise ConfigurationError(f"the file '{file}' does not exist (looked for {path})")
    rows: Dataset = reader.load("text", data_files=glob.escape(str(path)), split="train")
    return rows if column == "text" else rows.rename_column("text", column)
