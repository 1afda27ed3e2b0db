"""The base class of every data module: from files or the hub to shuffled, padded batches."""

import math
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import torch
from datasets import Dataset, DatasetDict
from pytorch_lightning import LightningDataModule
from torch.utils.data import DataLoader
from transformers import PreTrainedTokenizerBase

from lightning_transformers.core.hyperparameters import set_hyperparameters
from lightning_transformers.core.sources import load_files, load_from_hub
from lightning_transformers.core.types import Batch
from lightning_transformers.errors import NO_DATASET, ConfigurationError

SAMPLE = "sample"
UNKNOWN_LENGTH = int(1e20)  # what a tokenizer says that knows no limit is larger still


class TransformerDataModule(LightningDataModule):
    """Data of a task: `load_dataset`, `split_dataset`, `process_data`, `collate_fn`, overridable.

    A subclass declares its hyperparameters as annotated class attributes; keyword arguments, and
    so the keys of its YAML, set them.

    Args:
        tokenizer: the tokenizer of the backbone.
        hyperparameters: those that the class declares.

    Raises:
        ConfigurationError: for an unknown hyperparameter, a missing or an unreadable file.
    """

    dataset_name: str | None = None
    """Id of a dataset on the hub, or `sample` for the one that ships with the task."""
    dataset_config_name: str | None = None
    revision: str | None = None
    train_file: str | None = None
    """A csv, json, jsonl or txt file, relative to where the command was typed; files win over
    `dataset_name`."""
    validation_file: str | None = None
    test_file: str | None = None
    train_val_split: float = 0.1
    """Share of the training set that validates where there is no validation set."""
    limit_train_samples: int | None = None
    limit_val_samples: int | None = None
    limit_test_samples: int | None = None
    batch_size: int = 16
    num_workers: int = 0
    preprocessing_num_workers: int | None = None
    load_from_cache_file: bool = True
    cache_dir: str | None = None
    seed: int = 0
    """Seed of the split and of the shuffle."""

    sample_files: ClassVar[dict[str, str]]
    """The sample's file per split, as `pkg://…`."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, **hyperparameters: Any) -> None:
        super().__init__()
        set_hyperparameters(self, TransformerDataModule, hyperparameters)
        self.tokenizer = tokenizer
        self.dataset: DatasetDict | None = None

    # -- from source to examples

    def prepare_data(self) -> None:
        """Download and preprocess on one process, so that the others find it in the cache."""
        self.dataset = self.build_dataset()

    def setup(self, stage: str) -> None:
        """Build the dataset where it is not yet, from the cache on the other processes."""
        if self.dataset is None:
            self.dataset = self.build_dataset()

    def build_dataset(self) -> DatasetDict:
        """Return the processed splits: train, validation and, where there is one, test."""
        return self.process_data(self.select_samples(self.split_dataset(self.load_dataset())))

    def load_dataset(self) -> DatasetDict:
        """Return the raw splits from the user's files, the sample or the hub, in this order."""
        named = {
            "train": self.train_file,
            "validation": self.validation_file,
            "test": self.test_file,
        }
        files = {split: file for split, file in named.items() if file}
        if not files and self.dataset_name == SAMPLE:
            files = self.sample_files
        if files:
            return load_files(files, self.cache_dir)
        if self.dataset_name is None:
            raise ConfigurationError(NO_DATASET)
        return load_from_hub(
            self.dataset_name, self.dataset_config_name, self.revision, self.cache_dir
        )

    def split_dataset(self, dataset: DatasetDict) -> DatasetDict:
        """Hold out a part of the training set where there is no validation set."""
        if "validation" in dataset or "train" not in dataset:
            return dataset
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
        """Keep the first `limit_*_samples` of each split."""
        limits = {
            "train": self.limit_train_samples,
            "validation": self.limit_val_samples,
            "test": self.limit_test_samples,
        }
        for split, limit in limits.items():
            if limit is not None and split in dataset:
                dataset[split] = dataset[split].select(range(min(limit, len(dataset[split]))))
        return dataset

    def process_data(self, dataset: DatasetDict) -> DatasetDict:
        """Return the splits as the model's inputs."""
        raise NotImplementedError(f"{type(self).__name__} must define process_data")

    @property
    def collate_fn(self) -> Callable[[Sequence[dict[str, Any]]], Batch]:
        """Return the function that makes a batch of a list of examples."""
        raise NotImplementedError(f"{type(self).__name__} must define collate_fn")

    @property
    def model_data_kwargs(self) -> dict[str, Any]:
        """Return what the data determines of the model, for `TaskTransformer`."""
        return {"vocab_size": len(self.tokenizer)}

    # -- loaders

    def train_dataloader(self) -> DataLoader[Any]:
        """Return shuffled batches; the order follows from `seed`."""
        epoch = self.trainer.current_epoch if self.trainer else 0
        generator = torch.Generator().manual_seed(self.seed + epoch)
        return self._dataloader("train", shuffle=True, generator=generator)

    def val_dataloader(self) -> DataLoader[Any]:
        """Return the batches of the validation set in order."""
        return self._dataloader("validation")

    def test_dataloader(self) -> DataLoader[Any]:
        """Return the batches of the test set in order."""
        return self._dataloader("test")

    def num_train_batches(self) -> int:
        """Return how many batches an epoch has on one of the trainer's processes."""
        assert self.trainer is not None
        per_process = math.ceil(len(self._split("train")) / self.trainer.world_size)
        batches = math.ceil(per_process / self.batch_size)
        limit = self.trainer.limit_train_batches
        return min(batches, limit) if isinstance(limit, int) else int(batches * (limit or 1.0))

    def max_positions(self) -> int | None:
        """Return the longest input in tokens that the model takes, as far as that is known."""
        if self.trainer is not None:
            config: Any = self.trainer.lightning_module.model.config  # type: ignore[union-attr]
            if positions := getattr(config, "max_position_embeddings", None):
                return int(positions)
        known = self.tokenizer.model_max_length < UNKNOWN_LENGTH
        return self.tokenizer.model_max_length if known else None

    def _dataloader(self, split: str, **kwargs: Any) -> DataLoader[Any]:
        return DataLoader(
            self._split(split),
            batch_size=self.batch_size,
            num_workers=self.num_workers,
            persistent_workers=self.num_workers > 0,
            collate_fn=self.collate_fn,
            **kwargs,
        )

    def _split(self, name: str) -> Dataset:
        assert self.dataset is not None, "setup comes first"
        if name not in self.dataset:
            has = ", ".join(self.dataset)
            raise ConfigurationError(f"the dataset has no {name} split (it has: {has})")
        return self.dataset[name]
