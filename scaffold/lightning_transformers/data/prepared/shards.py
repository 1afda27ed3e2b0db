"""Shards of examples: Arrow files of one record batch each, which are mapped into memory."""

import mmap
from pathlib import Path
from typing import Any

import pyarrow as pa
from datasets.table import ConcatenationTable, MemoryMappedTable, Table

from lightning_transformers.base.atomic import write_atomically


class MappedShard(MemoryMappedTable):  # type: ignore[misc]
    """A shard whose pages can be given back to the system, which then still caches them.

    The pages that a process has read else count as its memory until the system needs them.

    Args:
        path: the file.
    """

    def __init__(self, path: str) -> None:
        with open(path, "rb") as file:
            self.mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        super().__init__(pa.ipc.open_stream(pa.py_buffer(self.mapped)).read_all(), path)

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path}

    def __setstate__(self, state: dict[str, Any]) -> None:
        MappedShard.__init__(self, state["path"])

    def __deepcopy__(self, memo: dict[int, Any]) -> "MappedShard":
        return self  # immutable

    def release(self) -> None:
        """Give the pages back."""
        self.mapped.madvise(mmap.MADV_DONTNEED)


def open_shards(files: list[Path]) -> Table:
    """Return the rows of shards, in the order of the files, without reading them."""
    return ConcatenationTable.from_tables([MappedShard(str(file)) for file in files])


def shards_of(table: Table) -> list[MappedShard]:
    """Return the shards among the parts of a table."""
    parts = [part for row in getattr(table, "blocks", [[table]]) for part in row]
    return [part for part in parts if isinstance(part, MappedShard)]


def write_shard(file: Path, table: pa.Table) -> None:
    """Write a shard; a kill leaves the whole file, or none."""
    plain = table.replace_schema_metadata(None).combine_chunks()
    with (
        write_atomically(file) as unfinished,
        pa.ipc.new_stream(str(unfinished), plain.schema) as writer,
    ):
        writer.write_table(plain)
