"""Samplers and dataloaders whose order and random numbers depend on seed and epoch alone.

A run that resumes within an epoch so continues with the same rows, order and masking; a stream
needs the same number of workers for that.
"""

import itertools
import math
import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from typing import Any, cast

import torch
from datasets import Dataset, IterableDataset
from datasets.distributed import split_dataset_by_node
from pytorch_lightning.overrides.distributed import UnrepeatedDistributedSampler
from torch.utils.data import DataLoader, DistributedSampler, SequentialSampler

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.base.seeding import seed_of, temporary_seed
from lightning_transformers.base.types import Batch
from lightning_transformers.data.sampling.order import Order
from lightning_transformers.data.sampling.tokens import TokenReader, has_tokens

Examples = Sequence[dict[str, Any]]
Collate = Callable[[Examples], Batch]


def batches_per_process(
    rows: int, processes: int, batch_size: int, is_complete: bool = True
) -> int:
    """Return the number of batches of an epoch on each rank; the last one may be smaller.

    Args:
        rows: number of rows of the dataset.
        processes: number of ranks.
        batch_size: batch size per rank.
        is_complete: whether the epoch has all rows, see `EpochSampler`.
    """
    return math.ceil((rows / processes if is_complete else rows // processes) / batch_size)


def even_batch_size(rows: int, processes: int, wanted: int) -> int:
    """Return a batch size with which all ranks evaluate the same number of batches.

    A sharded model runs on all ranks at once: an additional batch on some of them would deadlock.

    Args:
        rows: number of rows, each on one rank.
        processes: number of ranks.
        wanted: configured batch size.

    Returns:
        The largest such size up to `wanted`; if there is none, the smallest above it.

    Raises:
        ConfigurationError: if there are fewer rows than ranks.
    """
    require_rows(rows, processes, "evaluate")
    fewest, more = divmod(rows, processes)
    sizes = itertools.chain(range(wanted, 0, -1), itertools.count(wanted + 1))
    return next(size for size in sizes if not more or fewest % size)


def require_rows(rows: int, processes: int, purpose: str) -> None:
    """Check the number of rows; raises ConfigurationError if it is below that of the ranks.

    Args:
        rows: number of rows.
        processes: number of ranks.
        purpose: the verb of the message, such as `train`.
    """
    if not rows:
        raise ConfigurationError(f"there are no rows to {purpose} on: add rows")
    if rows < processes:
        raise ConfigurationError(
            f"{rows} rows to {purpose} on are too few for {processes} processes: add rows, or set "
            f"trainer.devices={rows}"
        )


class SeededIndex(int):
    """Index of a row; the first one of a batch has the seed of the batch as `seed`."""

    seed: int


class EpochSampler(DistributedSampler[SeededIndex]):
    """Samples the rows of one rank, shuffled by seed and epoch.

    All ranks have the same number of batches, of which the last one may be smaller on some ranks.
    With all rows, those of an optimizer step do not depend on the number of ranks. A rank without a
    row in the last batch then repeats one, which must not count, see `is_filler`.

    Args:
        rows: the dataset.
        batch_size: batch size per rank.
        seed: seed of the random numbers of a batch.
        order: returns the order of an epoch.
        epoch: returns the current epoch.
        done: returns the number of batches that a resumed epoch has already processed.
        is_complete: whether an epoch has all rows; else those are dropped, different ones in each
            epoch, that would give only some ranks another batch.
        num_replicas: number of ranks.
        rank: this rank.

    Raises:
        ConfigurationError: if there are fewer rows than ranks.
    """

    def __init__(
        self,
        rows: Dataset,
        batch_size: int,
        seed: int,
        order: Callable[[int], Order],
        epoch: Callable[[], int],
        done: Callable[[], int],
        is_complete: bool = True,
        num_replicas: int = 1,
        rank: int = 0,
    ) -> None:
        require_rows(len(rows), num_replicas, "train")
        super().__init__(cast(Any, rows), num_replicas, rank, seed=seed)
        self.batch_size = batch_size
        self.order = order
        self.epoch_of_run = epoch
        self.done = done
        self.rows = len(rows)
        fewest = self.rows // num_replicas
        is_complete |= fewest % batch_size > 0
        self.used = self.rows if is_complete else fewest * num_replicas
        self.batches = batches_per_process(self.rows, num_replicas, batch_size, is_complete)
        own = len(range(rank, self.used, num_replicas))
        self.num_samples = max(own, (self.batches - 1) * batch_size + 1)

    def __iter__(self) -> Iterator[SeededIndex]:
        """Return an iterator over the remaining row indices of the epoch."""
        epoch, done = self.epoch_of_run(), self.done()
        order = self.order(epoch)
        for batch in range(done, self.batches):
            rank = 0 if self.is_filler(batch) else self.rank
            first, *others = map(SeededIndex, self.batch(order, batch, rank))
            others = others if rank == self.rank else []
            first.seed = seed_of(self.seed, epoch, self.rank, batch * self.batch_size)
            yield from (first, *others)

    def is_filler(self, number: int) -> bool:
        """Return whether a batch of this rank only repeats a row of another rank.

        Args:
            number: number of the batch in the epoch.
        """
        return number * self.batch_size * self.num_replicas + self.rank >= self.used

    def batch(self, order: Order, number: int, rank: int) -> Sequence[int]:
        """Return the row indices of a batch.

        Args:
            order: the order of its epoch.
            number: number of the batch in the epoch.
            rank: the rank that has the batch.
        """
        start = number * self.batch_size * self.num_replicas
        stop = min(start + self.batch_size * self.num_replicas, self.used)
        return order[start + rank : stop : self.num_replicas]


class EvaluationSampler(UnrepeatedDistributedSampler):
    """Samples the rows of one rank; with several ranks, each row is on exactly one.

    Lightning's default sampler repeats rows, which metrics would count twice.

    Args:
        rows: the dataset.
        order: the order of all rows.
        num_replicas: number of ranks.
        rank: this rank.
    """

    def __init__(self, rows: Dataset, order: Order, num_replicas: int = 1, rank: int = 0) -> None:
        super().__init__(rows, num_replicas, rank, shuffle=False)
        self.order = order

    def __iter__(self) -> Iterator[Any]:
        """Return an iterator over the row indices."""
        part = 100 * self.num_replicas
        for start in range(0, self.total_size, part):
            yield from self.order[start + self.rank : start + part : self.num_replicas]


class InOrderSampler(SequentialSampler):
    """Samples the rows in order, equal in every epoch, for `trainer.overfit_batches`.

    Args:
        rows: the dataset.
        batch_size: batch size.
        done: returns the number of batches that a resumed epoch has already processed.
    """

    def __init__(self, rows: Dataset, batch_size: int, done: Callable[[], int]) -> None:
        super().__init__(rows)
        self.rows, self.batch_size, self.done = len(rows), batch_size, done

    def __iter__(self) -> Iterator[int]:
        """Return an iterator over the remaining row indices of the epoch."""
        return iter(range(self.done() * self.batch_size, self.rows))


class SeededDataset(torch.utils.data.Dataset[object]):
    """Reads batches of rows, each with its seed.

    Args:
        rows: a dataset of `datasets`, or any object with `__len__` and `__getitem__`.
    """

    def __init__(self, rows: Any) -> None:
        self.rows = rows
        # Seeding takes longer than reading the rows of a small batch.
        self.is_random = not isinstance(rows, Dataset) or rows.format["type"] == "custom"
        read = getattr(rows, "__getitems__", self._read)
        self.read = TokenReader(rows) if has_tokens(rows) else read

    def __len__(self) -> int:
        return len(self.rows)

    def __getitems__(self, indices: list[SeededIndex]) -> tuple[int, Examples]:
        """Return the seed and the examples of a batch, read with random numbers of that seed.

        So random transforms of the dataset (`with_transform`) depend on the batch alone.
        """
        seed, places = indices[0].seed, [int(index) for index in indices]
        with temporary_seed(seed_of(seed, "rows")) if self.is_random else nullcontext():
            return seed, self.read(places)

    def _read(self, places: Sequence[int]) -> Examples:
        return [self.rows[place] for place in places]


class SeededCollate:
    """Calls a collator with random numbers seeded by the batch, unless it draws none.

    Args:
        collate: collates a list of examples.
    """

    def __init__(self, collate: Collate) -> None:
        self.collate = collate
        # Seeding takes longer than padding. A subclass does not inherit the attribute.
        self.is_random = not vars(type(collate)).get("is_deterministic", False)

    def __call__(self, batch: tuple[int, Examples]) -> Batch:
        """Return the collated batch, each tensor `(batch, …)`, of a seed and examples."""
        seed, examples = batch
        with temporary_seed(seed) if self.is_random else nullcontext():
            return self.collate(examples)


class ResumableLoader(DataLoader[Any]):
    """A dataloader whose position depends on the run's progress alone, without saved state.

    Its workers are forked where the default is a fork server, as on Linux from Python 3.14 on: it
    pickles what they use, among it the trainer of the data module.
    """

    def __init__(self, *arguments: Any, **kwargs: Any) -> None:
        if kwargs.get("num_workers") and multiprocessing.get_start_method() == "forkserver":
            kwargs.setdefault("multiprocessing_context", "fork")
        super().__init__(*arguments, **kwargs)

    def state_dict(self) -> dict[str, object]:
        """Return an empty state: seed, epoch and number of batches determine the position."""
        return {}

    def load_state_dict(self, state_dict: object) -> None:
        """Ignore the state."""


class StreamLoader(ResumableLoader):
    """Loads batches of a stream, which is shuffled by epoch.

    A resumed epoch reads and drops its first batches, since a worker's random state depends on
    the batches it has already made. Workers are not persistent: their state would carry over to
    the next epoch. On several ranks a training epoch ends with the rank that has fewest batches.

    Args:
        arguments: arguments of `DataLoader`.
        seed: seed of the random numbers.
        epoch: returns the current epoch.
        done: returns the number of batches that a resumed epoch has already processed.
        rank: this rank, whose random numbers are its own.
        agree: see `until_one_ends`; None on one rank.
        kwargs: keyword arguments of `DataLoader`, among them `generator`.
    """

    def __init__(
        self,
        *arguments: Any,
        seed: int,
        epoch: Callable[[], int],
        done: Callable[[], int] = lambda: 0,
        rank: int = 0,
        agree: Callable[[bool], bool] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*arguments, **kwargs | {"persistent_workers": False})
        self.seed = seed_of(seed, "rank", rank) if rank else seed
        self.epoch = epoch
        self.done = done
        self.agree = agree

    def __iter__(self) -> Any:
        """Return an iterator over the remaining batches of the epoch."""
        epoch = self.epoch()
        cast(IterableDataset, self.dataset).set_epoch(epoch)
        self.generator.manual_seed(seed_of(self.seed, epoch))  # workers take their seeds from it
        batches = seeded_batches(super().__iter__(), self.seed, epoch)
        remaining = itertools.islice(batches, self.done(), None)
        return until_one_ends(remaining, self.agree) if self.agree else remaining


def seeded_batches(batches: Iterator[Batch], seed: int, epoch: int) -> Iterator[Batch]:
    """Yield batches, each made with random numbers seeded by the number of the batch.

    Args:
        batches: the batches, each tensor `(batch, …)`.
        seed: the seed of the run.
        epoch: number of the epoch, from 0.
    """
    for number in itertools.count():
        with temporary_seed(seed_of(seed, epoch, number)):
            try:
                batch = next(batches)
            except StopIteration:
                return
        yield batch


def rows_of_rank(rows: IterableDataset, rank: int, ranks: int) -> IterableDataset:
    """Return the part of a stream that one rank reads: some of the files or shards of the hub.

    Args:
        rows: the training set.
        rank: this rank.
        ranks: number of ranks.

    Raises:
        ConfigurationError: if there are fewer files than ranks.
    """
    if rows.num_shards < ranks:
        raise ConfigurationError(
            f"the {rows.num_shards} files of the train set are too few for {ranks} processes, each "
            "of which streams files of its own: split the files, or set dataset.streaming=false"
        )
    return split_dataset_by_node(rows, rank, ranks, "shards")


def until_one_ends(batches: Iterator[Batch], agree: Callable[[bool], bool]) -> Iterator[Batch]:
    """Yield batches until a rank has no more, since the others would wait for it for ever.

    Args:
        batches: the batches of this rank, each tensor `(batch, …)`.
        agree: returns whether a statement is true on all ranks, all of which must call it.
    """
    while agree((batch := next(batches, None)) is not None):
        yield cast(Batch, batch)


class EvenBatches(torch.utils.data.IterableDataset[Examples]):
    """Reads the batches of one rank from a stream that all ranks read; each row is on exactly one.

    All ranks have the same number of batches, of which the last one may have a row more.

    Args:
        rows: the stream.
        batch_size: batch size per rank.
        rank: this rank.
        ranks: number of ranks.
    """

    def __init__(self, rows: IterableDataset, batch_size: int, rank: int, ranks: int) -> None:
        self.rows, self.batch_size, self.rank, self.ranks = rows, batch_size, rank, ranks

    def __iter__(self) -> Iterator[Examples]:
        """Yield the examples of each batch; raises ConfigurationError for fewer rows than ranks."""
        stream, size = iter(self.rows), self.batch_size * self.ranks
        batch = list(itertools.islice(stream, size))
        require_rows(len(batch), self.ranks, "evaluate")
        while batch:
            following = list(itertools.islice(stream, size))
            if len(following) < self.ranks:
                batch, following = batch + following, []
            yield batch[self.rank :: self.ranks]
            batch = following

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch of the stream."""
        self.rows.set_epoch(epoch)
