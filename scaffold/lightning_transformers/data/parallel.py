"""Read two text files whose lines are pairs."""

from datasets import Dataset, concatenate_datasets

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.data.loading import DatasetReader
from lightning_transformers.data.reading.dialect import ReadOptions
from lightning_transformers.data.reading.names import absolute
from lightning_transformers.data.reading.plain_text import TEXT
from lightning_transformers.data.reading.reader import read_dataset
from lightning_transformers.data.reading.sources import CODECS, Source


def load_pairs(
    files: tuple[str | None, str | None],
    columns: tuple[str, str],
    reader: DatasetReader,
    encoding: str | None = None,
) -> Dataset:
    """Return the lines of two text files as pairs.

    Args:
        files: the files, relative to the folder in which the command was run.
        columns: names for their texts.
        reader: cache folder and streaming mode.
        encoding: of the files; None: inferred from each.

    Raises:
        ConfigurationError: if a file is not set or missing, if they differ in their number of
            lines, or for a stream.
    """
    first, second = files
    if first is None or second is None:
        given, other = ("target", "source") if first is None else ("source", "target")
        raise ConfigurationError(
            f"only dataset.{given}_file is set: set dataset.{other}_file=<file>, too"
        )
    if reader.streaming:
        raise ConfigurationError(
            "dataset.source_file and target_file cannot be streamed: set dataset.streaming=false"
        )
    one, other = (
        lines_of(file, reader, encoding).rename_columns({TEXT: column})
        for file, column in zip((first, second), columns, strict=True)
    )
    if len(one) != len(other):
        raise ConfigurationError(
            f"'{first}' has {len(one)} lines, '{second}' has {len(other)}: correct them, so that "
            "the same line of both is a pair"
        )
    return concatenate_datasets([one, other], axis=1)


def lines_of(file: str, reader: DatasetReader, encoding: str | None) -> Dataset:
    """Return all lines of a text file; raises ConfigurationError if it is missing."""
    path = absolute(file)
    if not path.is_file():
        raise ConfigurationError(
            f"the file '{file}' does not exist (looked for {path}): correct the path"
        )
    source = Source(str(path), file, ".txt", CODECS.get(path.suffix), str(path))
    return read_dataset([source], ReadOptions(encoding=encoding), reader.folder)
