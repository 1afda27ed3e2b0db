"""The record of a folder of prepared examples: its settings and shards, and what fits to them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from datasets import Dataset, DatasetDict, DatasetInfo

from lightning_transformers.base.atomic import write_atomically
from lightning_transformers.base.digests import digest_of
from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.base.types import Settings
from lightning_transformers.data.cache import IGNORED_OPTIONS
from lightning_transformers.data.prepared.shards import open_shards
from lightning_transformers.data.reading.names import absolute, is_url

RECORD = "prepared.json"
VERSION = 1
"""Version of the tokenization and packing: increase it when the same texts give other examples."""
TOKENIZER, TEMPLATE, FORMULA = "tokenizer", "chat template", "version"
"""Names of the recorded settings that are not hyperparameters."""
UNRELATED = IGNORED_OPTIONS | {
    *("fold", "group_column", "predict_file", "predict_subset_name", "prepared_dir"),
    *("preprocessing_num_workers", "seed", "streaming", "train_val_split"),
}
"""Hyperparameters that do not affect prepared examples, beside those of the cache."""
SOURCES = ("_file", "_name", "_samples", "delimiter", "encoding", "revision")
"""Endings of hyperparameters that select or read the texts, which a training need not repeat."""
AGAIN = "prepare the texts again into another folder"


def recorded_settings(hyperparameters: Settings, tokenizer: str, template: object) -> Settings:
    """Return the values that determine the examples of texts, in JSON's types.

    Args:
        hyperparameters: those of the data module, as they were given.
        tokenizer: digest of the tokenizer.
        template: the chat template of the tokenizer.
    """
    kept = {name: value for name, value in hyperparameters.items() if name not in UNRELATED}
    others = {TOKENIZER: tokenizer, TEMPLATE: digest_of(template), FORMULA: VERSION}
    plain: Settings = json.loads(json.dumps({**kept, **others}, default=str))
    return plain


def local_folder(name: str) -> Path:
    """Return the path of a folder of prepared examples, relative to that of the command.

    Raises:
        ConfigurationError: for a URL.
    """
    if is_url(name):
        raise ConfigurationError(
            f"dataset.prepared_dir={name} is a URL, and shards are mapped into memory: give a "
            "local folder, and copy it to or from the store"
        )
    return absolute(name)


def read_record(folder: Path) -> dict[str, Any] | None:
    """Return the record of a folder, None without one."""
    file = folder / RECORD
    found: dict[str, Any] | None = json.loads(file.read_text("utf-8")) if file.is_file() else None
    return found


def write_record(folder: Path, record: Mapping[str, Any]) -> None:
    """Write the record of a folder."""
    with write_atomically(folder / RECORD) as unfinished:
        unfinished.write_text(json.dumps(record, indent=1) + "\n", "utf-8")


def complete_record(folder: Path, fold: str | None = None) -> dict[str, Any]:
    """Return the record of a folder whose preparation has ended.

    Args:
        folder: the folder.
        fold: fold of the texts that a run asks for.

    Raises:
        ConfigurationError: if there is none, or for a fold: examples have fixed splits.
    """
    if fold:
        raise ConfigurationError(
            f"dataset.fold={fold} cuts the texts, and dataset.prepared_dir={folder} has fixed "
            "splits: remove one of them"
        )
    record = read_record(folder)
    if record is None or record["splits"] is None:
        fact = "is not prepared" if record is None else "is prepared in part"
        raise ConfigurationError(
            f"dataset.prepared_dir={folder} {fact}: run python -m lightning_transformers prepare "
            "with the task, the files and this folder"
        )
    return record


def require_equal(folder: Path, recorded: Settings, now: Settings) -> None:
    """Check that examples were prepared with the settings of a run.

    Args:
        folder: the folder of the examples.
        recorded: its settings.
        now: those of the run; texts that it does not name may be any.

    Raises:
        ConfigurationError: for the first setting that differs.
    """
    for name in (*now, *(name for name in recorded if name not in now)):
        given, wanted = now.get(name), recorded.get(name)
        if given == wanted or (given is None and name.endswith(SOURCES)):
            continue
        if name in (TOKENIZER, TEMPLATE):
            fix = "choose its backbone" if name == TOKENIZER else "set dataset.chat_template"
            raise ConfigurationError(
                f"'{folder}' was prepared with another {name}: {fix}, or {AGAIN}"
            )
        if name == FORMULA:
            raise ConfigurationError(
                f"'{folder}' was prepared with version {wanted} of the packing, and this one has "
                f"{given}: {AGAIN}"
            )
        raise ConfigurationError(
            f"'{folder}' was prepared with dataset.{name}={wanted}, not {given}: set that, or "
            f"{AGAIN}"
        )


def open_prepared(folder: Path, record: Mapping[str, Any]) -> DatasetDict:
    """Return the examples of each split, with the format `torch`, without reading them.

    Args:
        folder: the folder.
        record: its complete record.

    Raises:
        ConfigurationError: for a shard that is missing or has another size.
    """
    splits = {}
    for split, shards in record["splits"].items():
        files = [folder / shard["file"] for shard in shards]
        for file, shard in zip(files, shards, strict=True):
            if not file.is_file() or file.stat().st_size != shard["bytes"]:
                fact = "has another size" if file.is_file() else "is missing"
                raise ConfigurationError(f"'{file}' {fact}: copy the folder again, or {AGAIN}")
        key = digest_of([shard["digest"] for shard in shards])
        rows = Dataset(open_shards(files), DatasetInfo(), fingerprint=key)
        splits[split] = rows.with_format("torch")
    return DatasetDict(splits)
