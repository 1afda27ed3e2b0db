"""Rows that W&B has of a run: on its server, or in its files of a run without a network."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wandb import Run

FILE_HEADER = PIECE_HEADER = 7
"""Bytes of the header of a file, and of that of each piece in it."""
BLOCK = 32768
WHOLE, LAST = 1, 4
"""Kinds of a piece that end a record."""


def wandb_rows(run: Run) -> Iterator[tuple[int, dict[str, float]]]:
    """Yield step and numbers of each row that Lightning's logger has sent, of all parts of a run.

    Args:
        run: the run, which has begun again.

    Raises:
        wandb.errors.Error: if the server does not answer.
    """
    for row in rows_in_files(run) if run.offline else rows_on_server(run):
        if "trainer/global_step" in row:
            metrics = {name: row[name] for name in row if not name.startswith("_")}
            step = metrics.pop("trainer/global_step")
            yield step, {name: float(metrics[name]) for name in metrics if is_number(metrics[name])}


def is_number(value: Any) -> bool:
    """Return whether a value of W&B is a number; it writes those that JSON lacks as texts."""
    return isinstance(value, int | float) or value in ("NaN", "Infinity", "-Infinity")


def rows_on_server(run: Run) -> Iterator[Mapping[str, Any]]:
    """Yield the rows that have arrived at the server."""
    import wandb

    yield from wandb.Api().run(run.path).scan_history()


def rows_in_files(run: Run) -> Iterator[Mapping[str, Any]]:
    """Yield the rows in the files, which `wandb sync` would upload."""
    from wandb.proto.wandb_internal_pb2 import Record  # type: ignore[attr-defined, unused-ignore]

    folder = Path(run.dir).parents[1]
    for file in sorted(folder.glob(f"offline-run-*-{run.id}/*.wandb")):
        for record in map(Record.FromString, records(file.read_bytes())):
            if items := record.history.item:
                names = (item.key or ".".join(item.nested_key) for item in items)
                yield dict(zip(names, (json.loads(item.value_json) for item in items), strict=True))


def records(content: bytes) -> Iterator[bytes]:
    """Yield the records of a file, up to one that a kill has cut.

    The format is that of LevelDB's log, after a header: blocks with pieces of records, each with a
    checksum (4 bytes), its length (2) and its kind (1).
    https://github.com/google/leveldb/blob/main/doc/log_format.md
    """
    at, record = FILE_HEADER, b""
    while at + PIECE_HEADER <= len(content):
        if (left := BLOCK - at % BLOCK) < PIECE_HEADER:
            at += left
            continue
        _, length, kind = struct.unpack("<IHB", content[at : at + PIECE_HEADER])
        at += PIECE_HEADER + length
        if at > len(content):
            return
        record += content[at - length : at]
        if kind in (WHOLE, LAST):
            yield record
            record = b""
