"""Read files of rows as a dataset, cached by content, or as a stream."""

import csv
import json
import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path

import pyarrow as pa
from datasets import Dataset, DatasetInfo, Features, IterableDataset, concatenate_datasets
from datasets.iterable_dataset import ArrowExamplesIterable
from datasets.table import MemoryMappedTable

from lightning_transformers.base.digests import digest_of
from lightning_transformers.base.errors import ConfigurationError, first_line, joined
from lightning_transformers.data.reading.conll import read_conll
from lightning_transformers.data.reading.copies import new_folder
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
from lightning_transformers.data.reading.sources import Source, reason_of

log = logging.getLogger(__name__)

VERSION = 3
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
MALFORMED = (OSError, EOFError, ValueError, RecursionError, csv.Error, pa.ArrowException)


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
    if options.on_bad_row == "fill":  # a prediction has the reason, see `faults_of`
        report.kept = sys.maxsize
    if cached.is_dir():
        vars(report).update(json.loads((cached / SUMMARY).read_text("utf-8")))
    else:
        write(sources, options, report, cached)
    for line in report.summary():
        log.info("%s", line)
    table = MemoryMappedTable.from_file(str(cached / ROWS))
    info = DatasetInfo(description="\n".join(source.name for source in sources))
    return Dataset(table.select(visible(table.schema)), info, fingerprint=key)


def names_of(rows: Dataset | IterableDataset) -> list[str]:
    """Return the names of the files of rows of this module, also of processed ones."""
    return str(rows.info.description).split("\n")


def facts_on(rows: Dataset) -> list[str]:
    """Return the facts on the files of `read_dataset`, such as `delimiter ';'`, each once."""
    return list(dict.fromkeys(fact for _, fact, _ in report_on(rows).dialects))


def report_on(rows: Dataset) -> Report:
    """Return the notes on the files of rows of `read_dataset`, empty ones for other rows."""
    report = Report(names_of(rows))
    for file in rows.cache_files:
        if (summary := Path(file["filename"]).with_name(SUMMARY)).is_file():
            vars(report).update(json.loads(summary.read_text("utf-8")))
    return report


def faults_of(rows: Dataset) -> dict[int, str]:
    """Return place and reason of rows that `read_dataset` has filled, by index."""
    report = report_on(rows)
    reasons = {
        (file, line): f"{report.place(file, line)} {why}" for file, line, why in report.first
    }
    places = places_of(rows, range(len(rows))) if reasons else None
    return {n: reasons[place] for n, place in enumerate(places or ()) if place in reasons}


def places_of(rows: Dataset, indices: Sequence[int]) -> list[tuple[int, int]] | None:
    """Return the index of its file and the line of each row, or None if they are unknown.

    Args:
        rows: the result of `read_dataset`, also with processed columns.
        indices: the indices of the rows.
    """
    if (places := place_table(rows)) is None:
        return None
    if rows._indices is not None:
        indices = rows._indices.column(0).take(pa.array(indices)).to_pylist()
    return [tuple(row.values()) for row in places.fast_gather(list(indices)).to_pylist()]


def with_places(rows: Dataset) -> Dataset:
    """Return rows of `read_dataset` with the columns `FILE` and `LINE`, if these are known."""
    places = place_table(rows) if rows._indices is None else None
    if places is None:
        return rows
    info = DatasetInfo(description=rows.info.description)
    table = Dataset(places, info, fingerprint=digest_of(rows._fingerprint))
    return concatenate_datasets([rows, table], axis=1)


def place_table(rows: Dataset) -> MemoryMappedTable | None:
    """Return `FILE` and `LINE` of all rows in the cache file of a dataset, or None."""
    files = {Path(file["filename"]) for file in rows.cache_files}
    for file in filter(Path.is_file, (*files, *(file.with_name(ROWS) for file in files))):
        table = MemoryMappedTable.from_file(str(file))
        if {FILE, LINE} <= {*table.column_names} and len(table) == len(rows.data):
            return table.select([FILE, LINE])
    return None


def read_stream(sources: Sequence[Source], options: ReadOptions) -> IterableDataset:
    """Return the rows of files as a stream, which can be resumed; each file is a shard.

    Columns and types are those of the first table. `FILE` and `LINE` are columns, too.

    Raises:
        ConfigurationError: without rows, or for a first file that cannot be read.
    """
    report = Report([source.name for source in sources], options.on_bad_row)
    numbered = [*enumerate(sources)]
    first = next((t for file, s in numbered for t in tables_of(file, s, options, report)), None)
    if first is None:
        raise no_rows(report)
    for line in report.guesses():
        log.info("%s", line)
    # `from_generator` would build tables from Python objects, which may differ in their types.
    arguments = {"sources": numbered, "options": options, "schema": first.schema}
    features = Features.from_arrow_schema(first.schema)
    names = "\n".join(source.name for source in sources)
    info = DatasetInfo(description=names, features=features)
    return IterableDataset(ArrowExamplesIterable(stream_tables, arguments), info)


def stream_tables(
    sources: Sequence[tuple[int, Source]], options: ReadOptions, schema: pa.Schema
) -> Iterator[tuple[int, pa.Table]]:
    """Yield the rows of files as tables with the columns and types of a schema.

    Each table has its number in its file, from 0.

    Raises:
        ConfigurationError: for values that do not fit the schema, or a file that cannot be read.
    """
    for file, source in sources:
        report = Report({file: source.name}, options.on_bad_row)
        for number, table in enumerate(tables_of(file, source, options, report)):
            report.raise_if_rejected()
            try:
                yield number, conformed(table, schema)
            except (pa.ArrowException, ValueError, TypeError, AttributeError) as error:
                raise ConfigurationError(
                    f"'{source.name}' has values of other types than the beginning of the data: "
                    f"{first_line(error)}: set dataset.streaming=false"
                ) from error
        report.raise_if_rejected()
        for line in report.losses():
            log_once(line)


@cache
def log_once(line: str) -> None:
    """Log a line, not again in each epoch."""
    log.info("%s", line)


def tables_of(
    file: int, source: Source, options: ReadOptions, report: Report
) -> Iterator[pa.Table]:
    """Yield the rows of a file as tables with `LINE` and `FILE`, which is its number."""
    report.file = file
    for table in read(source, options, report):
        yield table.append_column(FILE, pa.array([file] * len(table), pa.int32()))


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
            f"cannot read '{source.name}': {reason_of(error)}: correct or replace the file"
        ) from error


def write(sources: Sequence[Source], options: ReadOptions, report: Report, folder: Path) -> None:
    """Write the rows of files and the report about them into a folder.

    Raises:
        ConfigurationError: without rows, or for rows that cannot be read.
    """
    with new_folder(folder) as unfinished:
        with TableWriter(unfinished / ROWS) as writer:
            for number, source in enumerate(sources):
                for table in tables_of(number, source, options, report):
                    writer.write(table)
        report.raise_if_rejected()
        if writer.schema is None or not visible(writer.schema):
            raise no_rows(report)
        found = {name: getattr(report, name) for name in ("dialects", "rejected", "first")}
        (unfinished / SUMMARY).write_text(json.dumps(found), "utf-8")


def no_rows(report: Report) -> ConfigurationError:
    """Return the error, to be raised, for files without rows."""
    verb = "have" if len(report.names) > 1 else "has"
    fix = f"{report.places()}: correct them" if report.rejected else "give another file"
    return ConfigurationError(f"{joined(map(repr, report.names))} {verb} no rows: {fix}")


def visible(schema: pa.Schema) -> list[str]:
    """Return the columns of a table without `LINE` and `FILE`."""
    return [name for name in schema.names if name not in (LINE, FILE)]
