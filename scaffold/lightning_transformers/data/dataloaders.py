"""The order of training rows, and random numbers of batches, as functions of seed and epoch.

A run that is resumed in the midst of an epoch so sees the rows that are left, in the same order,
and hides the same tokens in them; of a stream with the same number of workers.
"""

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

import torch
from datasets import Dataset, IterableDataset
from pytorch_lightning import Trainer
from torch.utils.data import DataLoader, DistributedSampler, SequentialSampler

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.base.seeding import seed_of, temporary_seed
from lightning_transformers.base.types import Batch

Examples = Sequence[dict[str, Any]]
Collate = Callable[[Examples], Batch]


def batches_per_process(rows: int, processes: int, batch_size: int) -> int:
    """Return how many batches each process has of an epoch."""
    return math.ceil((rows // processes) / batch_size)


def even_batch_size(rows: int, processes: int, wanted: int) -> int:
    """Return a batch size with which all processes have the same number of batches.

    A process has one row more than another at most. A model that is spread over processes runs
    on all of them or on none, so that a batch on some alone would wait for ever.

    Args:
        rows: number of rows, each on one of the processes.
        processes: number of processes.
        wanted: the batch size to come close to, from below if that is possible.

    Raises:
        ConfigurationError: if there are fewer rows than processes.
    """
    require_rows(rows, processes, "evaluate")
    fewest, more = divmod(rows, processes)
    sizes = itertools.chain(range(wanted, 0, -1), itertools.count(wanted + 1))
    return next(size for size in sizes if not more or fewest % size)


def require_rows(rows: int, processes: int, purpose: str) -> None:
    """Raise ConfigurationError if there are fewer rows than processes; `purpose` is a verb."""
    if rows < processes:
        fewer = f", or set trainer.devices={rows}" if rows else ""
        raise ConfigurationError(
            f"{rows} rows to {purpose} on for {processes} processes: give more{fewer}"
        )


class SeededIndex(int):
    """The index of a row, and the seed of what is random in a batch that starts with it."""

    seed: int


class EpochSampler(DistributedSampler[SeededIndex]):
    """Shuffled rows of one process, in an order that follows from seed and epoch.

    All processes have the same number of batches. Rows of which only some processes would make a
    batch are left out, others in each epoch; none is repeated.

    Args:
        rows: the rows.
        batch_size: rows in a batch of one process.
        seed: of the order.
        epoch: returns the epoch.
        done: returns the number of batches that a resumed epoch has had.
        num_replicas: number of processes.
        rank: number of this process.

    Raises:
        ConfigurationError: if there are fewer rows than processes.
    """

    def __init__(
        self,
        rows: Dataset,
        batch_size: int,
        seed: int,
        epoch: Callable[[], int],
        done: Callable[[], int],
        num_replicas: int = 1,
        rank: int = 0,
    ) -> None:
        require_rows(len(rows), num_replicas, "train")
        super().__init__(cast(Any, rows), num_replicas, rank, seed=seed)
        self.batch_size = batch_size
        self.epoch_of_run = epoch
        self.done = done
        self.rows = len(rows)
        fewest = self.rows // num_replicas
        used = self.rows if fewest % batch_size else fewest * num_replicas
        self.num_samples = len(range(rank, used, num_replicas))

    def __iter__(self) -> Iterator[SeededIndex]:
        """Return an iterator over the rows that are left of the epoch."""
        epoch = self.epoch_of_run()
        generator = torch.Generator().manual_seed(seed_of(self.seed, epoch))
        order = torch.randperm(self.rows, generator=generator).tolist()
        mine = order[self.rank :: self.num_replicas][: self.num_samples]
        return iter([self._row(mine, at, epoch) for at in self._positions()])

    def _positions(self) -> range:
        return range(self.done() * self.batch_size, self.num_samples)

    def _row(self, mine: list[int], position: int, epoch: int) -> SeededIndex:
        row = SeededIndex(mine[position])
        if position % self.batch_size == 0:
            row.seed = seed_of(self.seed, epoch, self.rank, position)
        return row


class InOrderSampler(SequentialSampler):
    """The rows in their order, in each epoch the same, as Lightning wants them to overfit.

    Args:
        rows: the rows.
        batch_size: rows in a batch.
        done: returns the number of batches that a resumed epoch has had.
    """

    def __init__(self, rows: Dataset, batch_size: int, done: Callable[[], int]) -> None:
        super().__init__(rows)
        self.rows, self.batch_size, self.done = len(rows), batch_size, done

    def __iter__(self) -> Iterator[int]:
        """Return an iterator over the rows that are left of the epoch."""
        return iter(range(self.done() * self.batch_size, self.rows))


class SeededDataset(torch.utils.data.Dataset[object]):
    """Rows in batches that know the seed of what is random in them.

    Args:
        rows: the rows, of `datasets` or of any class with `__len__` and `__getitem__`.
    """

    def __init__(self, rows: Any) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitems__(self, indices: list[SeededIndex]) -> tuple[int, Examples]:
        """Return the seed of a batch, and its examples, whose transforms may draw numbers."""
        seed, places = indices[0].seed, [int(index) for index in indices]
        with temporary_seed(seed_of(seed, "rows")):
            if hasattr(self.rows, "__getitems__"):
                return seed, self.rows.__getitems__(places)
            return seed, [self.rows[place] for place in places]


class SeededCollate:
    """Makes batches of examples with random numbers that follow from the seed of the batch.

    Args:
        collate: makes a batch of a list of examples.
    """

    def __init__(self, collate: Collate) -> None:
        self.collate = collate

    def __call__(self, batch: tuple[int, Examples]) -> Batch:
        """Return the batch."""
        seed, examples = batch
        with temporary_seed(seed):
            return self.collate(examples)


class ResumableLoader(DataLoader[Any]):
    """Batches that a run goes on with by itself: Lightning has no state of theirs to keep."""

    def state_dict(self) -> dict[str, object]:
        """Return nothing: seed, epoch and number of batches tell all."""
        return {}

    def load_state_dict(self, state_dict: object) -> None:
        """Take up nothing."""


class StreamLoader(ResumableLoader):
    """Batches of a stream, which shuffles by the epoch; those that a resumed epoch had are skipped.

    They are made all the same, so that what is random in the others is as it would have been: it
    follows from seed, epoch and number of a batch, and of a worker from what it has made before.
    Workers that outlive an epoch would bring numbers from the one before.

    Args:
        arguments: those of the base class, among them a generator.
        seed: of the random numbers.
        epoch: returns the epoch.
        done: returns the number of batches that a resumed epoch has had.
        kwargs: those of the base class.
    """

    def __init__(
        self,
        *arguments: Any,
        seed: int,
        epoch: Callable[[], int],
        done: Callable[[], int] = lambda: 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(*arguments, **kwargs | {"persistent_workers": False})
        self.seed = seed
        self.epoch = epoch
        self.done = done

    def __iter__(self) -> Any:
        """Return an iterator over the batches that are left of the epoch."""
        epoch = self.epoch()
        cast(IterableDataset, self.dataset).set_epoch(epoch)
        self.generator.manual_seed(seed_of(self.seed, epoch))  # workers take their seeds from it
        batches = seeded_batches(super().__iter__(), self.seed, epoch)
        return itertools.islice(batches, self.done(), None)


def seeded_batches(batches: Iterator[Batch], seed: int, epoch: int) -> Iterator[Batch]:
    """Yield batches, each of which is made with random numbers of its own."""
    for number in itertools.count():
        with temporary_seed(seed_of(seed, epoch, number)):
            try:
                batch = next(batches)
            except StopIteration:
                return
        yield batch


def require_single_process(trainer: Trainer | None) -> None:
    """Raise ConfigurationError if several processes would have to share a stream."""
    processes = trainer.world_size if trainer else 1
    if processes > 1:
        raise ConfigurationError(
            f"dataset.streaming=true with {processes} processes: nobody knows the number of "
            "rows, so that each would have as many: set dataset.streaming=false, or "
            "trainer.devices=1"
        )
