"""Read Parquet files, with the types that they have."""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq

from lightning_transformers.data.reading.dialect import ReadOptions
from lightning_transformers.data.reading.report import Report
from lightning_transformers.data.reading.rows import LINE
from lightning_transformers.data.reading.sources import Source

BATCH = 1000
"""Rows of a table, which may be images."""
PANDAS_INDEX = "__index_level_0__"
"""Column of the row labels of a pandas frame."""


def read_parquet(source: Source, options: ReadOptions, report: Report) -> Iterator[pa.Table]:
    """Yield the rows of a Parquet file as tables, with their numbers from 1 in `LINE`.

    The index of a pandas frame is omitted, and categorical columns have their values.
    """
    stream = source.open()
    content = stream if source.codec is None else pa.BufferReader(stream.read())
    number = 1
    for batch in pq.ParquetFile(content).iter_batches(BATCH):
        table = pa.Table.from_batches([batch])
        table = table.select([name for name in table.column_names if name != PANDAS_INDEX])
        for index, field in enumerate(table.schema):
            if pa.types.is_dictionary(field.type):  # a categorical column of pandas
                plain = table.column(index).cast(field.type.value_type)
                table = table.set_column(index, field.name, plain)
        lines = pa.array(range(number, number + len(table)), pa.int64())
        yield table.append_column(LINE, lines)
        number += len(table)
