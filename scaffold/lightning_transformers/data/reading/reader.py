"""Read files of rows as a dataset, cached by content, or as a stream."""

import csv
import json
import logging
import shutil
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from uuid import uuid4

import pyarrow as pa
from datasets import Dataset, DatasetInfo, Features, IterableDataset
from datasets.iterable_dataset import ArrowExamplesIterable
from datasets.table import MemoryMappedTable

from lightning_transformers.base.errors import ConfigurationError, first_line
from lightning_transformers.data.cache import digest_of
from lightning_transformers.data.reading.conll import read_conll
from lightning_transformers.data.reading.delimited import read_delimited
from lightning_transformers.data.reading.dialect import ReadOptions
from lightning_transformers.data.reading.json_rows import read_json
from lightning_transformers.data.reading.parquet import read_parquet
from lightning_transformers.data.reading.plain_text import read_text
from lightning_transformers.data.reading.report import Report
from lightning_transformers.data.reading.rows import (
    FILE,
    LINE,
    TableWriter,
    conformed,
)
from lightning_transformers.data.reading.sources import Source

log = logging.getLogger(__name__)

VERSION = 1
"""Part of the cache key: increase it when the rows of the same files change."""
ROWS, SUMMARY = "rows.arrow", "summary.json"
Reader = Callable[[Source, ReadOptions, Report], Iterator[pa.Table]]
READERS: dict[str, Reader] = {
    ".csv": read_delimited,
    ".tsv": read_delimited,
    ".json": read_json,
    ".jsonl": read_json,
    ".ndjson": read_json,
    ".parquet": read_parquet,
    ".txt": read_text,
    ".conll": read_conll,
    ".conllu": read_conll,
}
"""Function that reads a format, by the ending of a file name."""
MALFORMED = (
    *(OSError, EOFError, ValueError, RecursionError),
    *(csv.Error, zipfile.BadZipFile, pa.ArrowException),
)


def read_dataset(sources: Sequence[Source], options: ReadOptions, folder: Path) -> Dataset:
    """Return the rows of files, memory-mapped from a cache that their content identifies.

    Logs guesses about the files, and bad rows that are dropped or filled.

    Args:
        sources: the files, in the order of the rows.
        options: how to read them.
        folder: cache folder.

    Raises:
        ConfigurationError: for a file that cannot be read.
    """
    description = [VERSION, asdict(options), [source.identity for source in sources]]
    key = digest_of(description)
    cached = folder / "files" / key
    report = Report([source.name for source in sources], options.on_bad_row)
    if cached.is_dir():
        vars(report).update(json.loads((cached / SUMMARY).read_text("utf-8")))
    else:
        write(sources, options, report, cached)
    for line in report.summary():
        log.info("%s", line)
    table = MemoryMappedTable.from_file(str(cached / ROWS))
    return Dataset(table.select(visible(table.schema)), fingerprint=key)


def dialect_of(rows: Dataset) -> list[str]:
    """Return the guesses about the files of `read_dataset`, such as `delimiter ';'`."""
    for file in rows.cache_files:
        if (summary := Path(file["filename"]).with_name(SUMMARY)).is_file():
            return [fact for _, fact in json.loads(summary.read_text("utf-8"))["dialects"]]
    return []


def places_of(rows: Dataset, indices: Sequence[int]) -> list[tuple[int, int]] | None:
    """Return the index of its file and the line of each row, or None if they are unknown.

    Args:
        rows: the result of `read_dataset`, also with processed columns.
        indices: the indices of the rows.
    """
    files = [Path(file["filename"]).with_name(ROWS) for file in rows.cache_files]
    if len(files) != 1 or not files[0].is_file():
        return None
    places = MemoryMappedTable.from_file(str(files[0])).select([FILE, LINE])
    if len(places) != len(rows):
        return None
    return [tuple(row.values()) for row in places.fast_gather(list(indices)).to_pylist()]


def read_stream(sources: Sequence[Source], options: ReadOptions) -> IterableDataset:
    """Return the rows of files as a stream, which can be resumed; each file is a shard.

    Columns and types are those of the first table of the first file.

    Raises:
        ConfigurationError: for a first file that has no rows or cannot be read.
    """
    report = Report([source.name for source in sources], options.on_bad_row)
    first = next(read(sources[0], options, report), None)
    if first is None:
        raise ConfigurationError(f"'{sources[0].name}' has no rows: give another file")
    schema = first.select(visible(first.schema)).schema
    # `from_generator` would build tables from Python objects, which may differ in their types.
    arguments = {"sources": list(sources), "options": options, "schema": schema}
    tables = ArrowExamplesIterable(stream_tables, arguments)
    return IterableDataset(tables, DatasetInfo(features=Features.from_arrow_schema(schema)))


def stream_tables(
    sources: Sequence[Source], options: ReadOptions, schema: pa.Schema
) -> Iterator[tuple[int, pa.Table]]:
    """Yield the rows of files as tables with the columns and types of a schema.

    Each table has its number in its file, from 0.

    Raises:
        ConfigurationError: for values that do not fit the schema, or a file that cannot be read.
    """
    for source in sources:
        report = Report([source.name], options.on_bad_row)
        for number, table in enumerate(read(source, options, report)):
            try:
                yield number, conformed(table.select(visible(table.schema)), schema)
            except (pa.ArrowException, ValueError, TypeError, AttributeError) as error:
                raise ConfigurationError(
                    f"'{source.name}' has values of other types than the beginning of the data: "
                    f"{first_line(error)}: set dataset.streaming=false"
                ) from error
        report.raise_if_rejected()


def read(source: Source, options: ReadOptions, report: Report) -> Iterator[pa.Table]:
    """Yield the rows of a file as tables with `LINE`.

    Raises:
        ConfigurationError: for a file that cannot be read.
    """
    has_sentences = source.suffix == ".txt" and options.text_unit == "sentence"
    try:
        yield from (read_conll if has_sentences else READERS[source.suffix])(
            source, options, report
        )
    except ConfigurationError:
        raise
    except UnicodeDecodeError as error:
        raise ConfigurationError(
            f"cannot read '{source.name}': {first_line(error)}: set dataset.encoding"
        ) from error
    except MALFORMED as error:
        raise ConfigurationError(
            f"cannot read '{source.name}': {first_line(error)}: correct or replace the file"
        ) from error


def write(sources: Sequence[Source], options: ReadOptions, report: Report, folder: Path) -> None:
    """Write the rows of files and the report about them into a folder.

    Raises:
        ConfigurationError: without rows, or for rows that cannot be read.
    """
    unfinished = folder.with_name(f"{folder.name}-{uuid4().hex}")
    unfinished.mkdir(parents=True)
    try:
        with TableWriter(unfinished / ROWS) as writer:
            for number, source in enumerate(sources):
                report.file = number
                for table in read(source, options, report):
                    files = pa.array([number] * len(table), pa.int32())
                    writer.write(table.append_column(FILE, files))
        report.raise_if_rejected()
        if writer.schema is None:
            verb = "have" if report.names[1:] else "has"
            raise ConfigurationError(
                f"{', '.join(map(repr, report.names))} {verb} no rows: give another file"
            )
        found = {name: getattr(report, name) for name in ("dialects", "rejected", "first")}
        (unfinished / SUMMARY).write_text(json.dumps(found), "utf-8")
        with suppress(OSError):  # another process was faster
            unfinished.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def visible(schema: pa.Schema) -> list[str]:
    """Return the columns of a table without `LINE` and `FILE`."""
    return [name for name in schema.names if name not in (LINE, FILE)]
