"""Cut texts into parts, and process them in parallel, each into a shard."""

from __future__ import annotations

import logging
import multiprocessing
import os
import shutil
import signal
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any

import datasets
import pyarrow as pa
from datasets import Dataset, IterableDataset
from datasets.table import InMemoryTable

from lightning_transformers.base.digests import digest_of_file
from lightning_transformers.base.errors import ConfigurationError, NoTextError
from lightning_transformers.core import TransformerDataModule
from lightning_transformers.data.loading import AnyDataset
from lightning_transformers.data.prepared.shards import MappedShard, write_shard
from lightning_transformers.runs.preparing.progress import Progress

ROWS_AT_ONCE = 100
CACHE = ".cache"
"""Folder for what a worker writes on the way to a shard."""


@dataclass(frozen=True)
class Part:
    """Consecutive rows of a split that become one shard.

    Attributes:
        name: name of the shard.
        rows: the rows.
        state: the state of the stream after them, from which it continues.
    """

    name: str
    rows: pa.Table
    state: dict[str, Any]


def cut(
    rows: IterableDataset, part_bytes: int, done: int = 0, state: dict[str, Any] | None = None
) -> Iterator[Part]:
    """Yield the rows of a stream in parts of about the same size, also across files.

    Args:
        rows: the stream.
        part_bytes: the size.
        done: number of parts that exist.
        state: the state of the stream after them.
    """
    stream, tables, size = rows.with_format("arrow"), list[pa.Table](), 0
    if state:
        stream.load_state_dict(state)
    for table in stream.iter(ROWS_AT_ONCE):
        tables.append(table)
        size += table.nbytes
        if size >= part_bytes:
            yield Part(f"{done:06}", joined(tables), stream.state_dict())
            tables, size, done = [], 0, done + 1
    if tables:
        yield Part(f"{done:06}", joined(tables), stream.state_dict())


def joined(tables: list[pa.Table]) -> pa.Table:
    """Return the rows of tables in buffers of their own.

    A slice of a table is pickled for a worker with the buffers of the whole table.
    """
    return pa.concat_tables(tables).combine_chunks()


def write_split(
    data: TransformerDataModule, folder: Path, split: str, rows: AnyDataset, part_bytes: int
) -> list[dict[str, Any]]:
    """Write the shards of a split that do not exist, and return the description of each.

    Args:
        data: the data module.
        folder: the folder of prepared examples.
        split: the split.
        rows: its raw rows.
        part_bytes: text of a shard.

    Raises:
        ConfigurationError: for rows that cannot be read or processed, or a worker that is killed.
        NoTextError: for a split without text.
    """
    stream = rows.to_iterable_dataset() if isinstance(rows, Dataset) else rows
    progress = Progress(progress_file(folder, split))
    (folder / split).mkdir(exist_ok=True)
    workers = data.preprocessing_num_workers or 1
    pool = ProcessPoolExecutor(workers, initializer=start_worker, initargs=(workers,))
    waiting: deque[tuple[Part, Future[dict[str, Any]]]] = deque()
    with datasets.utils.tqdm(desc=f"Preparing {split}", unit="B", unit_scale=True) as bar:
        try:
            for part in cut(stream, part_bytes, len(progress.shards), progress.state):
                job = pool.submit(write_part, data, folder, split, part.name, part.rows)
                waiting.append((part, job))
                bar.update(part.rows.nbytes)
                if len(waiting) > workers:
                    finish(waiting, progress)
            while waiting:
                finish(waiting, progress)
        except BrokenProcessPool as error:
            raise ConfigurationError(
                "a worker was killed, probably for lack of memory: repeat the command with fewer "
                "dataset.preprocessing_num_workers (it continues)"
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)
    if not any(shard["rows"] for shard in progress.shards):
        raise NoTextError(f"the {split} set has no text: add some")
    return [shard for shard in progress.shards if shard["rows"]]


def progress_file(folder: Path, split: str) -> Path:
    """Return the file with the progress of a split, which stays until all splits are written."""
    return folder / f".{split}.jsonl"


def finish(waiting: deque[tuple[Part, Future[dict[str, Any]]]], progress: Progress) -> None:
    """Wait for the first of the parts, and record its shard."""
    part, job = waiting.popleft()
    progress.add(job.result(), part.state)


def start_worker(workers: int) -> None:
    """Prepare a worker: it ends with its parent, writes no lines, and leaves Ctrl-C to the parent.

    Args:
        workers: number of workers; a single one tokenizes in threads.
    """
    os.environ["TOKENIZERS_PARALLELISM"] = "false" if workers > 1 else "true"
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=exit_after, args=(multiprocessing.parent_process(),), daemon=True).start()
    datasets.disable_progress_bars()
    logging.getLogger("lightning_transformers").setLevel(logging.WARNING)


def exit_after(parent: Any) -> None:
    """End this process when its parent has ended, also by a kill."""
    parent.join()
    os._exit(1)


def write_part(
    data: TransformerDataModule, folder: Path, split: str, name: str, rows: pa.Table
) -> dict[str, Any]:
    """Write the examples of some rows as a shard, and return its description.

    Returns:
        `file`, `rows`, `tokens`, `bytes` and `digest` of the shard.

    Raises:
        ConfigurationError: for rows that cannot be processed.
    """
    cache, file = folder / CACHE / f"{split}-{name}", folder / split / f"{name}.arrow"
    data.cache_dir = str(cache)
    data.preprocessing_num_workers = None  # this process is one of them
    try:
        examples = data.process_split(split, Dataset(InMemoryTable(rows)))
        table = examples.with_format("arrow")[:]
    except NoTextError:
        return {"file": None, "rows": 0}
    except ConfigurationError as error:
        raise ConfigurationError(f"part {int(name)} of the {split} set: {error}") from error
    write_shard(file, table)
    shutil.rmtree(cache, ignore_errors=True)
    shard = MappedShard(str(file))
    return {
        "file": f"{split}/{name}.arrow",
        "rows": len(table),
        "tokens": len(shard.table["input_ids"].combine_chunks().flatten()),
        "bytes": file.stat().st_size,
        "digest": digest_of_file(file),
    }
