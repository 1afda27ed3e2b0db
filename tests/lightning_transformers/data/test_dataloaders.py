"""The order of training rows depends on seed and epoch, on any number of ranks."""

import itertools
import math
import multiprocessing
import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest
import torch
from datasets import Dataset
from hypothesis import given, settings
from hypothesis import strategies as st

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.base.seeding import temporary_seed
from lightning_transformers.data import dataloaders
from lightning_transformers.data.collators import CausalCollator, PaddingCollator
from lightning_transformers.data.dataloaders import (
    EpochSampler,
    ResumableLoader,
    SeededCollate,
    SeededDataset,
    SeededIndex,
    batches_per_process,
)
from lightning_transformers.data.loading import AnyDataset
from lightning_transformers.data.sampling.order import EpochOrder, Order
from lightning_transformers.task.nlp.language_modeling import LanguageModelingDataModule
from tests.helpers.language_modeling import TOKENIZER, model, sample, trainer

T = TypeVar("T")
sizes = {"rows": st.integers(1, 200), "processes": st.integers(1, 4), "batch": st.integers(1, 9)}


def indices(rows: int, batch: int, epoch: int = 0, done: int = 0, **process: int) -> list[int]:
    data = Dataset.from_dict({"x": list(range(rows))})
    return list(
        EpochSampler(data, batch, 0, shuffled(rows), lambda: epoch, lambda: done, **process)
    )


def shuffled(rows: int) -> Callable[[int], Order]:
    return partial(EpochOrder, rows, 4, None, 0)


@settings(deadline=None)
@given(**sizes)
def test_former_epochs_share_the_rows_in_equally_many_batches(
    rows: int, processes: int, batch: int
) -> None:
    if rows < processes:
        with pytest.raises(ConfigurationError, match=rf"{rows} rows to train on .*devices={rows}$"):
            indices(rows, batch, num_replicas=processes, rank=0)
        return
    shares = [
        indices(rows, batch, num_replicas=processes, rank=r, is_complete=False)
        for r in range(processes)
    ]
    together = [row for share in shares for row in share]
    assert len(set(together)) == len(together), "no row twice"
    assert rows - len(together) < processes, "fewer rows left out than there are processes"
    counts = {math.ceil(len(share) / batch) for share in shares}
    assert counts == {batches_per_process(rows, processes, batch, is_complete=False)}


@settings(deadline=None)
@given(
    rows=st.integers(1, 100),
    step=st.lists(st.integers(1, 4), min_size=3, max_size=3),
    other=st.permutations(range(3)),
    done=st.integers(0, 12),
)
def test_the_rows_of_a_step_depend_on_their_number_alone(
    rows: int, step: list[int], other: list[int], done: int
) -> None:
    """Here two divisions of a step into ranks, rows and batches, one of them resumed."""
    size = math.prod(step)
    if rows < max(step):
        return
    whole = steps(rows, *step)
    assert sorted(itertools.chain(*whole)) == list(range(rows))
    assert [len(each) for each in whole[:-1]] == [size] * (len(whole) - 1)
    assert steps(rows, *(step[place] for place in other), done) == whole[done:]


def batched(values: Iterable[T], size: int) -> list[tuple[T, ...]]:
    listed = list(values)
    return [tuple(listed[start : start + size]) for start in range(0, len(listed), size)]


def steps(rows: int, processes: int, batch: int, accumulated: int, done: int = 0) -> list[set[int]]:
    """Return the rows of each step of an epoch, on all ranks, those that count."""
    shares, begun = [], done * accumulated
    for rank in range(processes):
        data = Dataset.from_dict({"x": list(range(rows))})
        ranks = {"num_replicas": processes, "rank": rank}
        sampler = EpochSampler(data, batch, 0, shuffled(rows), lambda: 0, lambda: begun, **ranks)
        batches = batched(sampler, batch)
        assert len(batches) == max(0, sampler.batches - begun), "as many on each rank"
        counted = enumerate(batches, begun)
        shares.append([() if sampler.is_filler(number) else each for number, each in counted])
    together = [set(itertools.chain(*each)) for each in zip(*shares, strict=True)]
    return [set().union(*each) for each in batched(together, accumulated)]


@settings(deadline=None)
@given(st.integers(1, 60), st.integers(1, 7), st.integers(0, 3))
def test_a_resumed_epoch_has_the_rest_of_the_same_order(rows: int, batch: int, epoch: int) -> None:
    whole = indices(rows, batch, epoch)
    for done in range(len(whole) // batch + 1):
        assert indices(rows, batch, epoch, done) == whole[done * batch :]
    assert rows < 8 or whole != indices(rows, batch, epoch + 1)


def test_random_numbers_of_a_batch_are_the_same_in_workers_and_after_a_resume() -> None:
    def collate(examples: object) -> list[float]:
        return [torch.rand(()).item(), float(np.random.rand()), random.random()]

    rows = Dataset.from_dict({"x": list(range(12))})

    def numbers(workers: int, done: int = 0) -> list[list[float]]:
        sampler = EpochSampler(rows, 4, 0, shuffled(12), lambda: 0, lambda: done)
        loader = ResumableLoader(
            SeededDataset(rows),
            sampler=sampler,
            batch_size=4,
            num_workers=workers,
            collate_fn=SeededCollate(collate),
        )
        return list(loader)

    whole = numbers(0)
    assert len({tuple(batch) for batch in whole}) == 3
    assert numbers(2) == whole
    assert numbers(0, done=2) == whole[2:]
    assert numbers(2, done=1) == whole[1:]


@pytest.fixture
def fork_server() -> Iterator[None]:
    """Start processes as Python 3.14 does by default: a worker gets only what is pickled."""
    multiprocessing.set_start_method("forkserver", force=True)
    yield
    multiprocessing.set_start_method(None, force=True)


@pytest.mark.usefixtures("fork_server")
def test_workers_are_forked_on_each_version_of_python() -> None:
    loader = ResumableLoader(range(2), num_workers=1, batch_size=2, collate_fn=lambda rows: rows)
    assert [*loader] == [[0, 1]]


def test_seeding_for_a_while_leaves_the_random_state_alone() -> None:
    def draw() -> list[float]:
        return [torch.rand(()).item(), float(np.random.rand()), random.random()]

    def seed() -> None:
        torch.manual_seed(0)
        np.random.seed(0)
        random.seed(0)

    seed()
    expected = draw()
    seed()
    with temporary_seed(7):
        within = draw()
    assert draw() == expected != within


def test_only_rows_with_a_transform_are_read_with_random_numbers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seeds: list[int] = []

    def seeded(seed: int) -> AbstractContextManager[None]:
        seeds.append(seed)
        return temporary_seed(seed)

    monkeypatch.setattr(dataloaders, "temporary_seed", seeded)
    rows = Dataset.from_dict({"x": [1, 2]})
    transformed = rows.with_transform(lambda row: {"x": [random.random() for _ in row["x"]]})
    index = SeededIndex(0)
    index.seed = 5
    read = [SeededDataset(each).__getitems__([index]) for each in (rows, transformed, transformed)]
    assert len(seeds) == 2
    assert read[1] == read[2] != read[0]


def test_a_subclass_of_a_collator_without_random_numbers_may_draw_some(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Masking(PaddingCollator):
        def __call__(self, examples: Any) -> Any:
            return torch.rand(3)

    def refuse(seed: int) -> None:
        raise AssertionError

    first, again = (SeededCollate(Masking(TOKENIZER))((5, [])) for _ in range(2))
    assert torch.equal(first, again)
    monkeypatch.setattr(dataloaders, "temporary_seed", refuse)
    for kind in (PaddingCollator, CausalCollator):
        SeededCollate(kind(TOKENIZER))((5, [{"input_ids": [1, 2]}]))


def test_no_rows_are_an_error_too() -> None:
    with pytest.raises(ConfigurationError, match=r"no rows to train on: add rows$"):
        indices(0, 2)


class OwnRows(torch.utils.data.Dataset[Any]):
    """A user's torch dataset."""

    def __init__(self, rows: AnyDataset) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, place: int) -> Any:
        return self.rows[place]


class OwnRowsDataModule(LanguageModelingDataModule):
    """Wraps the rows in a torch dataset."""

    def process_split(self, split: str, rows: AnyDataset) -> Any:
        return OwnRows(super().process_split(split, rows))


def test_rows_may_be_of_a_class_of_torch() -> None:
    def batches(cls: type[LanguageModelingDataModule]) -> list[list[int]]:
        values = {"dataset_name": "sample", "block_size": 64, "limit_train_samples": 40}
        # Only rows of `datasets` have lengths.
        data = cls(TOKENIZER, **values, group_by_length=False)
        data.prepare_data = lambda: None
        data.dataset = data.build_dataset()
        return [batch["input_ids"].tolist() for batch in data.train_dataloader()]

    assert batches(OwnRowsDataModule) == batches(LanguageModelingDataModule)


def test_batches_to_overfit_are_the_same_in_each_epoch(tmp_path: Path) -> None:
    run = trainer(tmp_path, overfit_batches=2, max_epochs=3, limit_val_batches=0)
    seen: list[Any] = []
    task = model()
    task.training_step = lambda batch, batch_idx: seen.append(batch["input_ids"].tolist())
    run.fit(task, sample())
    assert len(seen) == 6
    assert seen[:2] == seen[2:4] == seen[4:]
