"""Tokenize and pack texts once, into a folder that trainings read."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path
from typing import Any

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.base.hyperparameters import hyperparameters_of
from lightning_transformers.base.run_lock import run_lock
from lightning_transformers.core import TransformerDataModule
from lightning_transformers.data.prepared.record import (
    AGAIN,
    read_record,
    require_equal,
    write_record,
)
from lightning_transformers.data.reading.copies import version_of
from lightning_transformers.runs.preparing.parts import CACHE, progress_file, write_split
from lightning_transformers.training.formulas import FORMULAS
from lightning_transformers.version import VERSION

log = logging.getLogger(__name__)

PART_BYTES = 64_000_000
"""Text of a part: a shard of about this size, and about 1 GB of memory for each worker."""


def prepare(
    data: TransformerDataModule, folder: Path, part_bytes: int = PART_BYTES
) -> dict[str, Any]:
    """Write the examples of all splits into a folder, and return its record.

    Shards that a killed preparation has written stay. The same texts and settings give the same
    bytes, whatever `preprocessing_num_workers`.

    Args:
        data: the data module, with `model_config` if its lengths depend on the model.
        folder: the folder, which is created.
        part_bytes: text of a shard.

    Raises:
        ConfigurationError: for texts that cannot be read or processed, no validation set, a class
            that cannot prepare its examples, or a folder with other settings or files.
    """
    settings = data.prepared_settings()
    given = hyperparameters_of(data, TransformerDataModule)
    data.streaming = True  # rows are read part by part
    with run_lock(folder, "dataset.prepared_dir"):
        streams = data.select_samples(data.raw_dataset)
        for split, rows in streams.items():
            data.process_split(split, rows)  # raises for a missing column, and infers values
        data.streaming = False  # a part is in memory
        now = hyperparameters_of(data, TransformerDataModule)
        record = {
            "ltscaffold": VERSION,
            "formulas": FORMULAS,
            "settings": settings,
            "inferred": {name: value for name, value in now.items() if value != given[name]},
            "sources": {split: [part_bytes, *sources_of(data, split)] for split in streams},
            "splits": None,
        }
        begun = read_record(folder)
        require_same_texts(folder, begun or record, record)
        if begun and begun["splits"]:
            log.info("'%s' is complete", folder)
            return begun
        write_record(folder, record)
        splits = {}
        for split, rows in streams.items():
            splits[split] = write_split(data, folder, split, rows, part_bytes)
        record["splits"] = splits
        write_record(folder, record)
        for split in streams:
            progress_file(folder, split).unlink(missing_ok=True)
        shutil.rmtree(folder / CACHE, ignore_errors=True)
        return record


def require_same_texts(folder: Path, begun: dict[str, Any], record: dict[str, Any]) -> None:
    """Check that a preparation continues with the settings and files with which it began.

    Args:
        folder: the folder.
        begun: its record.
        record: the record now.

    Raises:
        ConfigurationError: otherwise.
    """
    require_equal(folder, begun["settings"], record["settings"])
    for split, sources in record["sources"].items():
        if begun["sources"].get(split) != sources:
            raise ConfigurationError(
                f"the {split} set is another one than '{folder}' was prepared from: {AGAIN}"
            )


def sources_of(data: TransformerDataModule, split: str) -> list[Any]:
    """Return name and size of each file of a split, or the version of each URL."""
    files = [[Path(file).name, Path(file).stat().st_size] for file in data.files_of(split)]
    return [*files, *([url, version_of(url)] for url in data.urls_of(split))]
