"""The dataloaders of a data module: shuffled, resumable, each row on one rank."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from datasets import Dataset, DatasetDict, IterableDataset
from pytorch_lightning import LightningDataModule
from torch.utils.data import DataLoader

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.base.types import Batch, Row
from lightning_transformers.data.dataloaders import (
    EpochSampler,
    EvaluationSampler,
    EvenBatches,
    InOrderSampler,
    ResumableLoader,
    SeededCollate,
    SeededDataset,
    StreamLoader,
    batches_per_process,
    even_batch_size,
    rows_of_rank,
)
from lightning_transformers.data.loading import AnyDataset
from lightning_transformers.data.sampling.lengths import Lengths, lengths_of
from lightning_transformers.data.sampling.order import (
    EpochOrder,
    EvaluationOrder,
    Order,
    former_order,
)
from lightning_transformers.training.resume import batches_done, epochs_done
from lightning_transformers.training.trainer_fields import fields

SHUFFLE_BUFFER = 1000
"""Size of the shuffle buffer of a stream, in rows."""


class DataLoaders(LightningDataModule):
    """The dataloaders of `TransformerDataModule`, over the splits in `dataset`."""

    batch_size: int
    num_workers: int
    seed: int
    formulas: int
    group_by_length: bool
    dataset: DatasetDict | None
    group_size: int | None = None
    """Rows that all ranks process together, in a resumed fit those of its start; None: those of a
    batch."""

    @property
    def collate_fn(self) -> Callable[[Sequence[Row]], Batch]:
        """The function that collates a list of examples to a batch; a subclass must define it.

        It returns tensors by name, batch dimension first: `(batch, …)`.

        Raises:
            NotImplementedError: in this base class.
        """
        raise NotImplementedError(f"{type(self).__name__} must define collate_fn")

    def train_dataloader(self) -> DataLoader[Any]:
        """Return shuffled batches, in an order determined by `seed` and the epoch."""
        rows = self._split("train")
        if isinstance(rows, IterableDataset):
            shuffled = rows.shuffle(self.seed, buffer_size=SHUFFLE_BUFFER)
            return self._train_stream(shuffled)
        if self.trainer and fields(self.trainer).overfit_batches:
            return self._dataloader(
                rows, sampler=InOrderSampler(rows, self.batch_size, self._batches_done)
            )
        order = partial(self._order, rows)
        progress = (self._epoch, self._batches_done)
        is_complete = self.formulas >= 5
        sampler = EpochSampler(
            *(rows, self.batch_size, self.seed, order, *progress, is_complete), **self._replicas
        )
        collate_rows = SeededCollate(self.collate_fn)
        return self._dataloader(SeededDataset(rows), sampler=sampler, collate_fn=collate_rows)

    def val_dataloader(self) -> DataLoader[Any]:
        """Return the batches of the validation set, see `EvaluationOrder`."""
        return self._evaluation_loader("validation", "limit_val_batches")

    def test_dataloader(self) -> DataLoader[Any]:
        """Return the batches of the test set, see `EvaluationOrder`."""
        return self._evaluation_loader("test", "limit_test_batches")

    def predict_dataloader(self) -> DataLoader[Any]:
        """Return the batches of the split `predict`, in order; Lightning's `predict` uses them."""
        rows = self._split("predict")
        is_stream = isinstance(rows, IterableDataset)
        return self._evaluation_stream(rows) if is_stream else self._dataloader(rows)

    def rows_of_examples(self, split: str, rows: Dataset) -> Sequence[int] | None:
        """Return the index of the raw row of each evaluated example, or None if it has no such row.

        Args:
            split: `validation` or `test`.
            rows: its raw rows.
        """
        return range(len(rows))

    def num_train_batches(self) -> int | None:
        """Return the number of batches per epoch on each rank, or None if it is unknown."""
        assert self.trainer is not None
        rows = self._split("train")
        limit = self.trainer.limit_train_batches
        if isinstance(rows, IterableDataset):
            return limit if isinstance(limit, int) else None
        ranks, is_complete = self.trainer.world_size, self.formulas >= 5
        batches = batches_per_process(len(rows), ranks, self.batch_size, is_complete)
        return min(batches, limit) if isinstance(limit, int) else int(batches * (limit or 1.0))

    def is_filler(self, number: int) -> bool:
        """Return whether a training batch of this rank only repeats a row of another rank.

        Args:
            number: number of the batch in the epoch.
        """
        assert self.trainer is not None
        sampler = getattr(self.trainer.train_dataloader, "sampler", None)
        return isinstance(sampler, EpochSampler) and sampler.is_filler(number)

    def group_rows(self) -> int:
        """Return the number of rows of a batch on all ranks, see `group_size`."""
        ranks = self.trainer.world_size if self.trainer else 1
        return self.group_size or self.batch_size * ranks

    def _evaluation_loader(self, split: str, limit: str) -> ResumableLoader:
        """Return the batches; with several ranks, each row is on exactly one."""
        rows = self._split(split)
        if isinstance(rows, IterableDataset):
            return self._evaluation_stream(rows)
        ranks = self._replicas.get("num_replicas", 1)
        size = even_batch_size(len(rows), ranks, self.batch_size)
        # A limited evaluation reads the first rows.
        wanted = getattr(self.trainer, limit) if self.trainer else 1.0
        is_whole = isinstance(wanted, float) and wanted == 1  # 1 is a single batch
        is_overfit = is_whole and self.trainer and fields(self.trainer).overfit_batches
        lengths = self._lengths(rows) if is_whole and not is_overfit else None
        if ranks == 1 and not lengths:
            return self._dataloader(rows)
        order = EvaluationOrder(len(rows), size * ranks, lengths) if lengths else range(len(rows))
        sampler = EvaluationSampler(rows, order, **self._replicas)
        return self._dataloader(rows, sampler=sampler, batch_size=size)

    def _train_stream(self, rows: IterableDataset) -> ResumableLoader:
        """Return the batches of a shuffled stream; each rank reads files of its own."""
        if not self._replicas or self.trainer is None:
            return self._dataloader(rows, done=self._batches_done)
        own = rows_of_rank(rows, self._replicas["rank"], self._replicas["num_replicas"])
        agree = self.trainer.strategy.reduce_boolean_decision
        return self._dataloader(own, done=self._batches_done, agree=agree)

    def _evaluation_stream(self, rows: IterableDataset) -> ResumableLoader:
        """Return the batches of a stream, equal in each epoch; each rank reads all of them."""
        # A stream of another epoch reads its files in another order.
        fixed = {"epoch": lambda: 0} if self.formulas >= 5 else {}
        if not self._replicas:
            return self._dataloader(rows, **fixed)
        place = (self._replicas["rank"], self._replicas["num_replicas"])
        own = EvenBatches(rows, self.batch_size, *place)
        # Several workers would each read all rows.
        workers = min(self.num_workers, 1)
        return self._dataloader(own, batch_size=None, num_workers=workers, **fixed)

    @property
    def _replicas(self) -> dict[str, Any]:
        """Number of ranks and this rank, as `num_replicas` and `rank`; empty for a single one."""
        found = (self.trainer and self.trainer.distributed_sampler_kwargs) or {}
        return found if found.get("num_replicas", 1) > 1 else {}

    def _lengths(self, rows: AnyDataset) -> Lengths | None:
        return lengths_of(rows) if self.group_by_length and self.formulas >= 3 else None

    def _dataloader(self, rows: Any, **kwargs: Any) -> ResumableLoader:
        loader: type[ResumableLoader] = ResumableLoader
        if isinstance(rows, IterableDataset | EvenBatches):
            own = {"seed": self.seed, "epoch": self._epoch, "rank": self._replicas.get("rank", 0)}
            loader, kwargs = StreamLoader, own | kwargs
        common: dict[str, Any] = {
            "batch_size": self.batch_size,
            "num_workers": self.num_workers,
            "persistent_workers": self.num_workers > 0,
            "collate_fn": self.collate_fn,
            # An iterator draws a seed, which would advance the global random state.
            "generator": torch.Generator().manual_seed(self.seed),
        }
        return loader(rows, **common | kwargs)

    def _order(self, rows: Dataset, epoch: int) -> Order:
        if self.formulas < 3:
            return former_order(len(rows), self.seed, epoch)
        return EpochOrder(len(rows), self.group_rows(), self._lengths(rows), self.seed, epoch)

    def _epoch(self) -> int:
        return epochs_done(self.trainer)

    def _batches_done(self) -> int:
        return batches_done(self.trainer)

    def _split(self, name: str) -> AnyDataset:
        assert self.dataset is not None, "setup comes first"
        if name not in self.dataset:
            has = ", ".join(self.dataset)
            raise ConfigurationError(
                f"the dataset has no {name} split (it has: {has}): set dataset.{name}_file=<file>, "
                f"or, for a dataset on the hub, dataset.{name}_subset_name=<split>"
            )
        return self.dataset[name]
