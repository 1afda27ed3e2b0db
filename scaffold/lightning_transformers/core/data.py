"""The base class of every data module: from files or the hub to shuffled, padded batches."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar

import torch
from datasets import Dataset, DatasetDict, IterableDataset
from pydantic import NonNegativeInt, PositiveInt
from pytorch_lightning import Callback, LightningDataModule
from pytorch_lightning.overrides.distributed import UnrepeatedDistributedSampler
from torch.utils.data import DataLoader

from lightning_transformers.base.errors import NO_DATASET, ConfigurationError
from lightning_transformers.base.hyperparameters import hyperparameters_of, set_hyperparameters
from lightning_transformers.base.package_data import local_path
from lightning_transformers.base.types import Batch, Row
from lightning_transformers.data.cache import fingerprint
from lightning_transformers.data.dataloaders import (
    EpochSampler,
    InOrder,
    ResumableLoader,
    SeededCollate,
    SeededRows,
    StreamLoader,
    batches_per_process,
    even_batch_size,
    no_batches,
    require_one_process,
)
from lightning_transformers.data.loading import (
    SPLITS,
    Rows,
    Source,
    column_names,
    load_files,
    load_from_hub,
    named_splits,
)
from lightning_transformers.training.resume import batches_done, epochs_done
from lightning_transformers.training.trainer_fields import fields

log = logging.getLogger(__name__)

SAMPLE = "sample"
SHUFFLE_BUFFER = 1000
"""Rows of a stream among which the next one is drawn."""


class TransformerDataModule(LightningDataModule):
    """Data of a task: `load_dataset`, `split_dataset`, `process_data`, `collate_fn`, overridable.

    A subclass declares its hyperparameters as annotated class attributes; keyword arguments, and
    so the keys of its YAML, set them. They are recorded in checkpoints.

        from lightning_transformers import Backbone
        from lightning_transformers.task.nlp.text_classification import (
            TextClassificationDataModule,
        )

        class MyDataModule(TextClassificationDataModule):
            max_length: int | None = 128

        data = MyDataModule(Backbone("bert-base-uncased").load_tokenizer(), train_file="train.csv")

    Args:
        processor: the tokenizer, or for images the image processor, of the backbone.
        hyperparameters: those that the class declares.

    Raises:
        ConfigurationError: for an unknown hyperparameter, a missing or an unreadable file.
    """

    dataset_name: str | None = None
    """Id of a dataset on the hub, or `sample` for the one that ships with the task."""
    dataset_config_name: str | None = None
    revision: str | None = None
    train_file: str | None = None
    """A csv, json, jsonl, parquet or txt file, relative to where the command was typed; files win
    over `dataset_name`."""
    validation_file: str | None = None
    test_file: str | None = None
    predict_file: str | None = None
    train_subset_name: str | None = None
    """Which split of the dataset on the hub to train on, where it is not called `train`."""
    validation_subset_name: str | None = None
    test_subset_name: str | None = None
    predict_subset_name: str | None = None
    train_val_split: float = 0.1
    """Share of the training set that validates where there is no validation set."""
    limit_train_samples: PositiveInt | None = None
    limit_val_samples: PositiveInt | None = None
    limit_test_samples: PositiveInt | None = None
    streaming: bool = False
    """Read and process rows as they are needed, instead of all beforehand."""
    batch_size: PositiveInt = 16
    num_workers: NonNegativeInt = 0
    preprocessing_num_workers: PositiveInt | None = None
    load_from_cache_file: bool = True
    cache_dir: str | None = None
    seed: int = 0
    """Seed of the split and of the shuffle."""

    sample_files: ClassVar[dict[str, str]]
    """The sample's file per split, as `pkg://…`."""
    required_callbacks: ClassVar[tuple[type[Callback], ...]] = ()
    """Callbacks that every run on these data has; a `TaskTransformer` gives them to its trainer."""

    def __init__(self, processor: Any, **hyperparameters: object) -> None:
        super().__init__()
        set_hyperparameters(self, TransformerDataModule, hyperparameters)
        self.save_hyperparameters(hyperparameters_of(self, TransformerDataModule), logger=False)
        self.processor = processor
        self.model_config: Any = None
        """Config of the model that the data is for, once a task has attached it."""
        self.dataset: DatasetDict | None = None

    # -- from source to examples

    def prepare_data(self) -> None:
        """Download and preprocess on one process, so that all find the rows in the cache."""
        self.build_dataset()

    def setup(self, stage: str) -> None:
        """Build the dataset where it is not yet, from the cache on the other processes."""
        if self.dataset is None:
            self.dataset = self.build_dataset()

    def build_dataset(self) -> DatasetDict:
        """Return the processed splits: of train, validation, test and predict those there are."""
        return self.process_data(self.select_samples(self.raw_dataset))

    @cached_property
    def raw_dataset(self) -> DatasetDict:
        """The splits before processing; a test set whose labels are kept secret is left out."""
        dataset = self.split_dataset(self.loaded_dataset)
        if "test" not in dataset or not self.is_unlabelled(dataset["test"]):
            return dataset
        log.warning("no row of the test set has a label: the test set is left out")
        return DatasetDict({split: rows for split, rows in dataset.items() if split != "test"})

    @cached_property
    def loaded_dataset(self) -> DatasetDict:
        """The splits as they come, before anything is held out, loaded once."""
        return self.load_dataset()

    def load_dataset(self) -> DatasetDict:
        """Return the raw splits from the user's files, the sample or the hub, in this order."""
        files = self.named_files()
        source = Source(self.cache_dir, self.streaming)
        if files:
            return load_files(files, source)
        if self.dataset_name is None:
            raise ConfigurationError(NO_DATASET)
        loaded = load_from_hub(self.dataset_name, self.dataset_config_name, self.revision, source)
        chosen = {split: getattr(self, f"{split}_subset_name") for split in SPLITS}
        return named_splits(loaded, chosen)

    def samples(self) -> Mapping[str, str]:
        """Return the sample's file per split."""
        return self.sample_files

    def named_files(self) -> Mapping[str, str]:
        """Return the file or folder that is named for each split, or those of the sample."""
        named = {split: getattr(self, f"{split}_file") for split in SPLITS}
        files = {split: file for split, file in named.items() if file}
        if set(files) <= {"predict"} and self.dataset_name == SAMPLE:
            return {**self.samples(), **files}
        return files

    def files_of(self, split: str) -> list[str]:
        """Return all local files and folders that the rows of a split are read from."""
        named = self.named_files().get(split)
        return [local_path(named)] if named else []

    def is_unlabelled(self, rows: Rows) -> bool:
        """Tell whether no row has a label to test with; never, where labels are not a column."""
        return False

    @property
    def has_source(self) -> bool:
        """Whether files or a dataset are named to load rows from."""
        return bool(self.named_files() or self.dataset_name)

    def split_dataset(self, dataset: DatasetDict) -> DatasetDict:
        """Hold out a part of the training set where there is no validation set."""
        if "validation" in dataset or "train" not in dataset:
            return dataset
        if self.streaming:
            raise ConfigurationError(
                "a stream cannot be split: give dataset.validation_file=<file>, or "
                "dataset.validation_subset_name=<split>"
            )
        if not 0 < self.train_val_split < 1:
            raise ConfigurationError(
                f"dataset.train_val_split={self.train_val_split} leaves nothing to train or to "
                "validate on: give a share between 0 and 1, or dataset.validation_file=<file>"
            )
        if len(dataset["train"]) < 2:
            raise ConfigurationError(
                "the training set has 1 example, none is left to validate on: "
                "give dataset.validation_file=<file>"
            )
        parts = dataset["train"].train_test_split(self.train_val_split, seed=self.seed)
        return DatasetDict({**dataset, "train": parts["train"], "validation": parts["test"]})

    def select_samples(self, dataset: DatasetDict) -> DatasetDict:
        """Return the first `limit_*_samples` of each split."""
        limits = {
            "train": self.limit_train_samples,
            "validation": self.limit_val_samples,
            "test": self.limit_test_samples,
        }
        return DatasetDict(
            {
                split: rows if limits.get(split) is None else rows.take(limits[split])
                for split, rows in dataset.items()
            }
        )

    def process_data(self, dataset: DatasetDict) -> DatasetDict:
        """Return the splits as the model's inputs."""
        return DatasetDict(
            {split: self.process_split(split, rows) for split, rows in dataset.items()}
        )

    def process_split(self, split: str, rows: Rows) -> Rows:
        """Return the rows of a split as the model's inputs; those of `predict` have no labels."""
        raise NotImplementedError(f"{type(self).__name__} must define process_split")

    @property
    def collate_fn(self) -> Callable[[Sequence[Row]], Batch]:
        """Return the function that makes a batch of a list of examples."""
        raise NotImplementedError(f"{type(self).__name__} must define collate_fn")

    @property
    def model_data_kwargs(self) -> dict[str, Any]:
        """Return what the data determines of the model, for `TaskTransformer`."""
        return {}

    def known_config(self) -> Any:
        """Return the config of the model that the data is for, or None while there is none."""
        return self.model_config

    # -- loaders

    def train_dataloader(self) -> DataLoader[Any]:
        """Return shuffled batches; the order follows from `seed`, in each epoch another."""
        rows = self._split("train")
        if isinstance(rows, IterableDataset):
            shuffled = rows.shuffle(self.seed, buffer_size=SHUFFLE_BUFFER)
            return self._dataloader(shuffled, done=self._batches_done)
        if self.trainer and fields(self.trainer).overfit_batches:
            return self._dataloader(
                rows, sampler=InOrder(rows, self.batch_size, self._batches_done)
            )
        replicas = (self.trainer and self.trainer.distributed_sampler_kwargs) or {}
        sampler = EpochSampler(
            rows, self.batch_size, self.seed, self._epoch, self._batches_done, **replicas
        )
        collate_rows = SeededCollate(self.collate_fn)
        return self._dataloader(SeededRows(rows), sampler=sampler, collate_fn=collate_rows)

    def val_dataloader(self) -> DataLoader[Any]:
        """Return the batches of the validation set in order."""
        return self._evaluation_loader(self._split("validation"))

    def test_dataloader(self) -> DataLoader[Any]:
        """Return the batches of the test set in order."""
        return self._evaluation_loader(self._split("test"))

    def predict_dataloader(self) -> DataLoader[Any]:
        """Return the batches of `predict_file` in order."""
        return self._dataloader(self._split("predict"))

    def num_train_batches(self) -> int | None:
        """Return how many batches an epoch has on one of the trainer's processes, if known."""
        assert self.trainer is not None
        rows = self._split("train")
        limit = self.trainer.limit_train_batches
        if isinstance(rows, IterableDataset):
            return limit if isinstance(limit, int) else None
        batches = batches_per_process(len(rows), self.trainer.world_size, self.batch_size)
        return min(batches, limit) if isinstance(limit, int) else int(batches * (limit or 1.0))

    # -- prediction

    def predict_rows(self, inputs: Sequence[Any]) -> list[Row]:
        """Return raw inputs as rows such as the files have, without labels.

        Args:
            inputs: mappings from columns to values.
        """
        return [dict(value) for value in inputs]

    def predict_dataset(self, inputs: Sequence[object]) -> Dataset:
        """Return raw inputs as a dataset."""
        return Dataset.from_list(self.predict_rows(inputs))

    def predict_batches(self, inputs: Sequence[object], batch_size: int) -> Iterator[Batch]:
        """Yield raw inputs as batches for `TaskTransformer.predict_step`, in order.

        Raises:
            ConfigurationError: for an input without what the task needs.
        """
        examples = self.process_split("predict", self.predict_dataset(inputs))
        yield from DataLoader(examples, batch_size=batch_size, collate_fn=self.collate_fn)

    # -- for subclasses

    def map_rows(
        self,
        split: str,
        rows: Rows,
        function: Callable[..., object],
        rows_at_once: int = 1000,
        **arguments: object,
    ) -> Rows:
        """Apply a function to batches of rows, which its result replaces.

        Args:
            split: name for the progress bar.
            rows: the rows.
            function: takes columns and `arguments`, returns columns. The result is cached by the
                text of the function's module and of all that this imports, for a method by the
                hyperparameters, the plain attributes and the model's config as well.
            rows_at_once: how many rows the function is given, at most.
            arguments: keyword arguments of the function, by whose values the result is cached.
        """
        common = {
            "batched": True,
            "batch_size": rows_at_once,
            "remove_columns": column_names(rows),
            "fn_kwargs": arguments,
        }
        if isinstance(rows, IterableDataset):
            return rows.map(function, **common)
        # The first process has just made what the others are to find.
        others = self.trainer is not None and self.trainer.local_rank > 0
        workers = self.preprocessing_num_workers  # each makes rows of its share by itself
        made_with = {**arguments, "rows_at_once": rows_at_once, "num_proc": workers}
        name = fingerprint(rows, function, made_with, TransformerDataModule)
        # Rows to predict on may be single inputs, which are asked for once.
        in_memory = not rows.cache_files and split != "predict"
        source = Source(self.cache_dir)
        try:
            return rows.map(
                function,
                **common,
                new_fingerprint=name,
                cache_file_name=source.file_for(name) if in_memory else None,
                num_proc=workers,
                load_from_cache_file=self.load_from_cache_file or others,
                desc=f"Processing {split}",
            )
        except OSError as error:
            source.require_writable(error)
            raise

    def require_columns(self, split: str, rows: Rows, **columns: str | None) -> None:
        """Check that the rows have the columns that hyperparameters name.

        Args:
            split: the split, for the message.
            rows: the rows.
            columns: hyperparameter to column, or to None where it is not used.

        Raises:
            ConfigurationError: naming the first that is not there.
        """
        present = column_names(rows)
        for hyperparameter, column in columns.items():
            if column is not None and column not in present:
                raise ConfigurationError(
                    f"the {split} set has no column '{column}' (its columns: "
                    f"{', '.join(present)}): set dataset.{hyperparameter}=<column>"
                )

    def _evaluation_loader(self, rows: Rows) -> ResumableLoader:
        """Return the batches in order; several processes have each row once among them."""
        replicas = self.trainer and self.trainer.distributed_sampler_kwargs
        if not replicas or isinstance(rows, IterableDataset):
            return self._dataloader(rows)
        # Lightning's own sampler would repeat rows, and the metrics would count them twice.
        sampler = UnrepeatedDistributedSampler(rows, shuffle=False, **replicas)
        size = even_batch_size(len(rows), replicas["num_replicas"], self.batch_size)
        return self._dataloader(rows, sampler=sampler, batch_size=size)

    def _dataloader(self, rows: Any, **kwargs: Any) -> ResumableLoader:
        loader: type[ResumableLoader] = ResumableLoader
        if isinstance(rows, IterableDataset):
            require_one_process(self.trainer)
            own = {"seed": self.seed, "epoch": self._epoch, "done": no_batches}
            loader, kwargs = StreamLoader, own | kwargs
        common: dict[str, Any] = {
            "batch_size": self.batch_size,
            "num_workers": self.num_workers,
            "persistent_workers": self.num_workers > 0,
            "collate_fn": self.collate_fn,
            # An iterator draws a seed: from here, it leaves the numbers of the training alone.
            "generator": torch.Generator().manual_seed(self.seed),
        }
        return loader(rows, **common | kwargs)

    def _epoch(self) -> int:
        return epochs_done(self.trainer)

    def _batches_done(self) -> int:
        return batches_done(self.trainer)

    def _split(self, name: str) -> Rows:
        assert self.dataset is not None, "setup comes first"
        if name not in self.dataset:
            has = ", ".join(self.dataset)
            raise ConfigurationError(
                f"the dataset has no {name} split (it has: {has}): give dataset.{name}_file=<file>"
            )
        return self.dataset[name]
