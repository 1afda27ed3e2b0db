"""The order of rows: any part of it at once, batches of similar length, and else random."""

import numpy as np
import pytest
from datasets import Dataset
from hypothesis import given, settings
from hypothesis import strategies as st

from lightning_transformers.data.sampling.lengths import lengths_of
from lightning_transformers.data.sampling.order import (
    WINDOW,
    EpochOrder,
    EvaluationOrder,
    WindowedOrder,
    former_order,
)
from lightning_transformers.data.sampling.permutation import Numbers

BATCH = 16
SIZE = 80_000
LENGTHS = np.clip(np.exp(np.random.default_rng(0).normal(np.log(22), 0.85, SIZE)), 3, 128).astype(
    int
)


def length(rows: Numbers) -> Numbers:
    return np.asarray(LENGTHS[rows])


def test_orders_never_change() -> None:
    def known(rows: Numbers) -> Numbers:
        return rows * 7 % 11

    assert former_order(12, 7, 3)[:99] == [1, 2, 10, 11, 5, 8, 7, 3, 6, 9, 0, 4]
    assert EpochOrder(12, 2, None, 7, 3)[:99] == [7, 6, 2, 8, 4, 0, 1, 10, 5, 11, 9, 3]
    assert EpochOrder(40, 4, known, 7, 3)[:8] == [26, 31, 17, 39, 0, 30, 13, 4]
    assert EvaluationOrder(12, 2, known)[:99] == [0, 11, 8, 5, 2, 10, 7, 4, 1, 9, 6, 3]


@settings(deadline=None, max_examples=60)
@given(
    *(st.integers(1, 1500), st.integers(0, 1500), st.integers(0, 700)),
    *(st.integers(1, 4), st.integers(1, 9), st.booleans(), st.booleans()),
)
def test_any_part_is_that_of_the_whole(
    size: int, start: int, rows: int, step: int, group: int, grouped: bool, evaluates: bool
) -> None:
    def order() -> WindowedOrder:
        if evaluates:
            return EvaluationOrder(size, group, length)
        return EpochOrder(size, group, length if grouped else None, 5, 1)

    whole, row_by_row = order()[:], order()
    assert sorted(whole) == list(range(size))
    assert [row for at in range(size) for row in row_by_row[at : at + 1]] == whole
    part = slice(start, start + rows, step)
    assert order()[part] == whole[part]


def padding(batches: Numbers) -> float:
    """Return the share of padding in batches, (batches, rows)."""
    lengths = LENGTHS[batches]
    return float(1 - lengths.sum() / (lengths.max(1).sum() * BATCH))


def epoch(number: int, grouped: bool = True) -> Numbers:
    """Return the batches of an epoch, (batches, rows)."""
    rows = EpochOrder(SIZE, BATCH, length if grouped else None, 0, number)[:]
    return np.array(rows).reshape(-1, BATCH)


def test_batches_have_rows_of_similar_length() -> None:
    assert padding(epoch(0)) < 0.06
    assert padding(epoch(0, grouped=False)) > 0.5
    evaluated = EvaluationOrder(SIZE, BATCH, length)[:]
    assert padding(np.array(evaluated).reshape(-1, BATCH)) < 0.06


def test_ranks_have_rows_of_similar_length_in_a_step() -> None:
    ranks = 4
    rows = np.array(EpochOrder(SIZE, BATCH * ranks, length, 0, 0)[:])
    longest = LENGTHS[rows].reshape(-1, BATCH, ranks).max(1)
    assert (longest.max(1) / longest.mean(1)).mean() < 1.02


@pytest.mark.parametrize("grouped", [True, False])
def test_lengths_and_places_look_random_at_the_scale_of_50_batches(grouped: bool) -> None:
    """The same limits hold for a random permutation, with which they were chosen."""
    scores = []
    for number in range(4):
        batches = epoch(number, grouped)
        windows = batches.reshape(-1, WINDOW * BATCH)
        for values in (LENGTHS, np.arange(SIZE)):
            # The mean of a window, in its standard error; windows exhaust the rows.
            error = values.std() / np.sqrt(windows.shape[1]) * np.sqrt(1 - 1 / len(windows))
            scores.append((values[windows].mean(1) - values.mean()) / error)
        means = LENGTHS[batches].mean(1)
        for lag in (1, 2, 10, WINDOW):
            # Batches of a window cannot repeat, which correlates neighbors by -1 / WINDOW.
            found = np.corrcoef(means[:-lag], means[lag:])[0, 1] + grouped / WINDOW * (lag < WINDOW)
            assert abs(found) < 5 / np.sqrt(len(means)), lag
    z = np.concatenate(scores)
    assert 0.85 < z.std() < 1.15
    assert abs(z).max() < 5


def test_few_rows_share_batches_with_others_in_each_epoch() -> None:
    rows = BATCH * 40
    found = [
        {
            frozenset(EpochOrder(rows, BATCH, length, 0, n)[at : at + BATCH])
            for at in range(0, rows, BATCH)
        }
        for n in range(2)
    ]
    together = [sum(len(one & other) > BATCH // 2 for one in found[0]) for other in found[1]]
    assert sum(together) < 5


def test_lengths_are_those_of_the_lists_of_tokens_also_in_a_selection() -> None:
    columns = {
        "input_ids": [[1] * (n % 7) for n in range(50)],
        "labels": [[1] * (n % 3) for n in range(50)],
    }
    rows = Dataset.from_dict(columns).with_format("torch")
    places = [31, 4, 4, 49]
    for selected in (rows, rows.shuffle(seed=1)):
        lengths = lengths_of(selected)
        assert lengths is not None
        wanted = [len(selected[p]["input_ids"]) + len(selected[p]["labels"]) for p in places]
        assert lengths(np.array(places)).tolist() == wanted


def test_choices_count_together_and_rows_without_tokens_have_no_length() -> None:
    choices = Dataset.from_dict(
        {"input_ids": [[[1], [1, 1]], [[1] * 5], [[1, 1, 1], []]], "label": [0, 0, 0]}
    )
    lengths = lengths_of(choices)
    assert lengths is not None
    assert lengths(np.array([2, 0, 1])).tolist() == [3, 3, 5]
    assert lengths_of(Dataset.from_dict({"pixels": [[1]]})) is None
    assert lengths_of(Dataset.from_dict({"input_ids": [1]})) is None
    assert lengths_of([{"input_ids": [1]}]) is None
