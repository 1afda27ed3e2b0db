"""Loading raw datasets from local files, the package's samples, and the hub."""

import errno
import logging
import re
from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import datasets
import numpy as np
from datasets import Dataset, DatasetDict, IterableDataset

from lightning_transformers.base.errors import ConfigurationError, first_line, joined
from lightning_transformers.base.hub import prepare_hub_access, refusal
from lightning_transformers.data.reading.copies import Copies
from lightning_transformers.data.reading.dialect import ReadOptions
from lightning_transformers.data.reading.images import (
    image_folder,
    read_images,
    read_metadata,
)
from lightning_transformers.data.reading.names import FileNames, is_url
from lightning_transformers.data.reading.reader import read_dataset, read_stream
from lightning_transformers.data.reading.rows import FILE, LINE
from lightning_transformers.data.reading.sources import Source, archive_of, find_sources

log = logging.getLogger(__name__)

AnyDataset: TypeAlias = "Dataset | IterableDataset"
"""A dataset in memory or on disk, or a stream of rows."""

SPLITS = ("train", "validation", "test", "predict")
UNKNOWN_CONFIG = re.compile(
    r"(?:Config name is missing|BuilderConfig .* not found).*?\[(.*?)\]", re.S
)
"""Message of datasets if no configuration is chosen, or an unknown one; group 1 lists the known."""

FOLD = re.compile(r"([1-9]\d*)/([1-9]\d*)")
"""A fold, such as 2/5: its number and that of all folds."""

PERMISSION_ERRORS = {errno.EACCES, errno.EPERM, errno.EROFS}


def shipped_files(folder: str, suffix: str = "jsonl") -> dict[str, str]:
    """Return `train` and `validation` of a bundled sample: the path of the file, as `pkg://…`.

    Args:
        folder: name of its folder in `assets`.
        suffix: file name extension, without the dot.
    """
    path = f"pkg://lightning_transformers/assets/{folder}"
    return {split: f"{path}/{split}.{suffix}" for split in ("train", "validation")}


@dataclass(frozen=True)
class DatasetReader:
    """Reads datasets, as a stream if requested.

    Attributes:
        cache_dir: cache folder of `datasets`; its default if None.
        streaming: read rows on demand.
    """

    cache_dir: str | None = None
    streaming: bool = False

    @property
    def folder(self) -> Path:
        """The cache folder, absolute."""
        return Path(self.cache_dir or datasets.config.HF_DATASETS_CACHE).expanduser().absolute()

    @property
    def copies(self) -> Copies:
        """Downloads of URLs and unpacked archives in the cache folder."""
        return Copies(self.folder, self.streaming)

    def load(self, *arguments: Any, **kwargs: Any) -> Any:
        """Call `datasets.load_dataset` with these options."""
        return datasets.load_dataset(
            *arguments, cache_dir=self.cache_dir, streaming=self.streaming, **kwargs
        )

    def cache_file(self, name: str) -> str:
        """Return the path of the cache file of processed rows, for a source only in memory.

        Args:
            name: the cache key of the rows.
        """
        return str(self.folder / "in_memory" / f"cache-{name}.arrow")

    def raise_if_unwritable(self, error: Exception) -> None:
        """Translate an error about an unwritable cache folder.

        Args:
            error: an error of `datasets`; any other cause is ignored.

        Raises:
            ConfigurationError: if the cache folder is not writable.
        """
        cause = error.__cause__ or error
        file = Path(str(getattr(cause, "filename", None))).absolute()
        within = file.is_relative_to(self.folder) or self.folder.is_relative_to(file)
        if within and getattr(cause, "errno", None) in PERMISSION_ERRORS:
            raise ConfigurationError(
                f"cannot write to the cache {self.folder}: {first_line(cause)}: "
                "set dataset.cache_dir=<folder>"
            ) from error


def load_files(
    files: Mapping[str, FileNames],
    reader: DatasetReader,
    options: Callable[[str], ReadOptions] = lambda _: ReadOptions(),
) -> DatasetDict:
    """Load the files of each split.

    Args:
        files: by split, files, folders, globs and URLs, see `reading.sources`; or a folder of
            images with a subfolder per class (optional for `predict`). They are relative to the
            folder in which the command was run.
        reader: cache folder and streaming mode.
        options: how to read the files of a split.

    Returns:
        The rows by split, each a stream if the reader streams.

    Raises:
        ConfigurationError: for a file that is missing, empty, malformed or of an unknown type, or
            a cache folder that is not writable.
    """
    return DatasetDict(
        {split: _load(split, names, reader, options(split)) for split, names in files.items()}
    )


def origins(split: str, names: FileNames, prefers_images: bool, copies: Copies) -> list[str]:
    """Return the local files and the URLs that a split is read from, a folder of images once.

    Args:
        split: the split.
        names: see `FileNames`.
        prefers_images: see `ReadOptions`.
        copies: unpacks archives.

    Raises:
        ConfigurationError: if there is none.
    """
    if (found := image_folder(split, names, prefers_images, copies)) and isinstance(names, str):
        return [names if is_url(names) else str(archive_of(names) or found[0])]
    return list(dict.fromkeys(source.origin for source in find_sources(split, names, copies)))


def load_from_hub(
    name: str, config_name: str | None, revision: str | None, reader: DatasetReader
) -> DatasetDict:
    """Load the splits of a dataset on the Hugging Face hub.

    Args:
        name: id of the dataset.
        config_name: its configuration, if it has several.
        revision: branch, tag or commit.
        reader: cache folder and streaming mode.

    Raises:
        ConfigurationError: if the dataset does not exist or cannot be downloaded, it lacks the
            chosen configuration or has several and none is chosen, or the cache folder is not
            writable.
    """
    prepare_hub_access()
    try:
        return reader.load(name, config_name, revision=revision)
    except (OSError, ValueError, datasets.exceptions.DatasetNotFoundError) as error:
        reader.raise_if_unwritable(error)
        if found := UNKNOWN_CONFIG.search(str(error)):
            fact = f"no configuration '{config_name}'" if config_name else "several configurations"
            known = joined(found[1].replace("'", "").split(", "))
            raise ConfigurationError(
                f"the dataset '{name}' has {fact}: set dataset.dataset_config_name to one of "
                f"{known}"
            ) from error
        advice = "offline? dataset.dataset_name=sample needs no network"
        reason, advice = refusal(error, f"datasets/{name}") or (first_line(error), advice)
        raise ConfigurationError(
            f"cannot load the dataset '{name}': {reason} ({advice})"
        ) from error


def column_names(rows: AnyDataset) -> list[str]:
    """Return the column names; those of a json stream are taken from its first row."""
    return [name for name in all_columns(rows) if name not in (FILE, LINE)]


def spelled(columns: Sequence[str], name: str) -> str | None:
    """Return a column by its name, or else the only one that differs from it in case, or None."""
    if name in columns:
        return name
    similar = [column for column in columns if column.casefold() == name.casefold()]
    return similar[0] if len(similar) == 1 else None


def spellings(columns: Sequence[str], settings: Mapping[str, object]) -> dict[str, str]:
    """Return the spelling of the columns for each setting `*_column` that differs in case."""
    names = {k: v for k, v in settings.items() if k.endswith("_column") and isinstance(v, str)}
    found = {key: spelled(columns, name) for key, name in names.items() if name not in columns}
    return {key: column for key, column in found.items() if column}


def all_columns(rows: AnyDataset) -> list[str]:
    """Return the column names, with `FILE` and `LINE` if the rows have them."""
    return rows.column_names or list(next(iter(rows), {}))


def with_types(rows: IterableDataset, former: IterableDataset) -> IterableDataset:
    """Return a stream with the types that it had before it was processed, if it has its columns."""
    known = former.features or {}
    return rows.cast(known) if {*known} == {*all_columns(rows)} else rows


def _load(split: str, names: FileNames, reader: DatasetReader, options: ReadOptions) -> AnyDataset:
    def read(sources: Sequence[Source]) -> Dataset:
        return read_dataset(sources, options, reader.folder)

    try:
        if found := image_folder(split, names, options.prefers_images, reader.copies):
            folder, images = found
            rows = read_metadata(str(names), folder, read) or read_images(split, images)
            return rows.to_iterable_dataset() if reader.streaming else rows
        sources = find_sources(split, names, reader.copies)
        return read_stream(sources, options) if reader.streaming else read(sources)
    except OSError as error:
        reader.raise_if_unwritable(error)
        raise


def named_splits(dataset: DatasetDict, chosen: Mapping[str, str | None]) -> DatasetDict:
    """Select and rename the splits of a dataset on the hub.

    Args:
        dataset: splits by their names on the hub.
        chosen: for each of `SPLITS` the name of the split to use, or None for the same name.

    Returns:
        The splits that exist, by the names in `SPLITS`.

    Raises:
        ConfigurationError: if a chosen split does not exist, or none of `SPLITS` does.
    """
    splits = {}
    for split, name in chosen.items():
        if (name or split) in dataset:
            splits[split] = dataset[name or split]
        elif name:
            raise ConfigurationError(
                f"dataset.{split}_subset_name={name} is not a split of the dataset: set one of "
                f"{', '.join(dataset)}"
            )
    if not splits:
        raise ConfigurationError(
            f"the dataset has no split named {', '.join(SPLITS)} (it has: {', '.join(dataset)}): "
            "set dataset.train_subset_name=<split>"
        )
    return DatasetDict(splits)


def hold_out(
    dataset: DatasetDict, fraction: float, seed: int, stratify_by: str | None = None
) -> DatasetDict:
    """Hold out a fraction of the training set as `validation`.

    Args:
        dataset: the raw splits, with `train`.
        fraction: `dataset.train_val_split`.
        seed: seed of the selection.
        stratify_by: hold out this fraction of the rows of each value of a column, at least one of
            two or more, see `stratified`; None: of all rows.

    Raises:
        ConfigurationError: for a stream, an invalid fraction, fewer than 2 training rows, or no
            two rows of a class.
    """
    if isinstance(dataset["train"], IterableDataset):
        raise ConfigurationError(
            "a stream cannot be split: set dataset.validation_file=<file>, or "
            "dataset.validation_subset_name=<split>"
        )
    if not 0 < fraction < 1:
        raise ConfigurationError(
            f"dataset.train_val_split={fraction} is not between 0 and 1: set a fraction, or "
            "dataset.validation_file=<file>"
        )
    if len(dataset["train"]) < 2:
        raise ConfigurationError(
            "the training set has fewer than 2 examples and cannot be split: set "
            "dataset.validation_file=<file>"
        )
    rows = dataset["train"]
    if stratify_by is not None:
        train, held = stratified(rows[stratify_by], fraction, seed)
        if not held:
            raise ConfigurationError(
                f"no two rows of the training set have the same '{stratify_by}': remove "
                "dataset.stratify=true"
            )
        split = {"train": rows.select(train), "validation": rows.select(held)}
        return DatasetDict({**dataset, **split})
    parts = rows.train_test_split(fraction, seed=seed)
    return DatasetDict({**dataset, "train": parts["train"], "validation": parts["test"]})


def stratified(
    classes: Sequence[Hashable], fraction: float, seed: int
) -> tuple[list[int], list[int]]:
    """Split rows so that each class has about the same share in both parts.

    Of a class with several rows, each part has at least one; a single row is in the first part.

    Args:
        classes: the class of each row.
        fraction: share of the rows in the second part, between 0 and 1.
        seed: seed of the selection and the order.

    Returns:
        The indices of the rows of each part, in random order.
    """
    order = np.random.default_rng(seed).permutation(len(classes)).tolist()
    members: dict[Hashable, list[int]] = {}
    for row in order:
        members.setdefault(classes[row], []).append(row)
    sizes = {name: max(1, round(fraction * len(rows))) for name, rows in members.items()}
    held = {
        row for name, rows in members.items() for row in rows[: min(sizes[name], len(rows) - 1)]
    }
    return [row for row in order if row not in held], [row for row in order if row in held]


def cut_fold(
    dataset: DatasetDict,
    fold: str,
    seed: int,
    stratify_by: str | None = None,
    group_by: str | None = None,
) -> DatasetDict:
    """Cut the training set into folds: one is `validation`, the others are `train`.

    Args:
        dataset: the raw splits, with `train`. A validation set in it is not used.
        fold: `dataset.fold`, such as `2/5`.
        seed: seed of the cut and the order of the rows.
        stratify_by: column of classes, which are spread evenly over the folds.
        group_by: column whose rows with the same value are in the same fold.

    Raises:
        ConfigurationError: for a stream, an invalid fold, more folds than rows or groups, or rows
            without a group.
    """
    found = FOLD.fullmatch(fold)
    number, folds = map(int, found.groups()) if found else (0, 0)
    if not 1 <= number <= folds >= 2:
        raise ConfigurationError(
            f"dataset.fold={fold} is not a fold: set its number and that of all folds, such as 1/5"
        )
    rows = dataset["train"]
    if isinstance(rows, IterableDataset):
        raise ConfigurationError("a stream cannot be cut into folds: set dataset.streaming=false")
    if "validation" in dataset:
        log.info("dataset.fold=%s: the validation set of the dataset is not used", fold)
    groups = rows[group_by][:] if group_by else range(len(rows))
    if lacking := sum(value in (None, "") for value in groups):
        raise ConfigurationError(
            f"{lacking} rows of the training set have no '{group_by}': fill it in, or remove them"
        )
    if folds > (number_of_groups := len(set(groups))):
        units = f"values of '{group_by}'" if group_by else "rows"
        raise ConfigurationError(
            f"dataset.fold={fold}: the training set has only {number_of_groups} {units}: give "
            "fewer folds"
        )
    classes = rows[stratify_by][:] if stratify_by else [None] * len(rows)
    order = np.random.default_rng(seed).permutation(len(rows)).tolist()
    fold_of = folds_of(order, groups, classes, folds)
    split = {
        "train": rows.select([row for row in order if fold_of[row] != number]),
        "validation": rows.select([row for row in order if fold_of[row] == number]),
    }
    return DatasetDict({**dataset, **split})


def folds_of(
    order: Sequence[int],
    groups: Sequence[Hashable],
    classes: Sequence[Hashable],
    folds: int,
) -> list[int]:
    """Return the fold of each row, from 1 on; none is empty if there are as many groups.

    Each group goes to the fold with the fewest rows of its classes, and among those to the
    smallest. Without groups, folds differ by one row at most, in total and of each class.

    Args:
        order: the indices of the rows, in the order in which they choose among equal folds.
        groups: the group of each row, all of which are in the same fold.
        classes: the class of each row.
        folds: the number of folds.
    """
    members: dict[Hashable, list[int]] = {}
    for row in order:
        members.setdefault(groups[row], []).append(row)
    rank = {name: number for number, name in enumerate(dict.fromkeys(classes))}
    # Small groups last, since they level what large ones leave; class by class, likewise.
    by_size = sorted(members.values(), key=lambda rows: (-len(rows), rank[classes[rows[0]]]))
    held = [Counter[Hashable]() for _ in range(folds)]
    sizes, found = [0] * folds, [0] * len(groups)
    for rows in by_size:
        numbers = Counter(classes[row] for row in rows)
        costs = [
            (sum(number * counts[name] for name, number in numbers.items()), size)
            for counts, size in zip(held, sizes, strict=True)
        ]
        fold = costs.index(min(costs))
        held[fold].update(numbers)
        sizes[fold] += len(rows)
        for row in rows:
            found[row] = fold + 1
    return found
