"""Rows that are read from Arrow buffers are those of the format `torch`."""

import pickle
from typing import Any

import numpy as np
import pytest
import torch
from datasets import Dataset

from lightning_transformers.data.sampling.tokens import TokenReader, has_tokens

RAGGED: list[Any] = [[1, 2, 3], [], [4], [5, 6], [7, 8, 9, 10], [11]]
COLUMNS: dict[str, Any] = {
    "input_ids": RAGGED,
    "fixed": [[number, number + 1] for number in range(6)],
    "labels": [*range(6)],
    "share": [number / 3 for number in range(6)],
    "targets": [[0.1, number / 7] for number in range(6)],
}


@pytest.fixture
def rows() -> Dataset:
    return Dataset.from_dict(COLUMNS).with_format("torch")


def same(found: Any, expected: Any) -> None:
    assert [[*row] for row in found] == [[*row] for row in expected]
    for row, other in zip(found, expected, strict=True):
        for name, value in row.items():
            assert value.dtype == other[name].dtype or not len(value)
            assert torch.equal(value, other[name].to(value.dtype))


@pytest.mark.parametrize("places", [[0], [5, 0, 4], [1, 1, 3]])
def test_rows_and_types_are_those_of_the_format(rows: Dataset, places: list[int]) -> None:
    for kept in (rows, rows.shuffle(seed=1), rows.select(range(6)), rows.select_columns("labels")):
        assert has_tokens(kept)
        same(TokenReader(kept)(places), kept.__getitems__(places))


def test_only_formatted_columns_are_read(rows: Dataset) -> None:
    some = rows.with_format("torch", columns=["labels"])
    assert [[*row] for row in TokenReader(some)([0, 1])] == [["labels"]] * 2


def test_rows_of_several_chunks_and_in_a_worker(rows: Dataset) -> None:
    from datasets import concatenate_datasets

    both = concatenate_datasets([rows, rows]).with_format("torch")
    reader = pickle.loads(pickle.dumps(TokenReader(both)))
    same(reader([4, 11, 6]), both.__getitems__([4, 11, 6]))


def test_a_row_may_be_changed(rows: Dataset) -> None:
    reader = TokenReader(rows)
    reader([0, 1])[0]["input_ids"].fill_(0)
    assert reader([0])[0]["input_ids"].tolist() == RAGGED[0]


def test_a_missing_value_is_read_as_before() -> None:
    rows = Dataset.from_dict({"labels": [1, None, 3]}).with_format("torch")
    found = TokenReader(rows)([0, 1])
    assert np.isnan(found[1]["labels"].item())


def test_other_rows_are_left_to_datasets(rows: Dataset) -> None:
    texts = Dataset.from_dict({"text": ["a"], "input_ids": [[1]]})
    nested = Dataset.from_dict({"input_ids": [[[1], [2]]]})
    for other in (
        texts.with_format("torch"),
        nested.with_format("torch"),
        rows.with_format(None),
        rows.with_format("torch", columns=["labels"], output_all_columns=True),
        rows.with_format("torch", dtype=torch.int32),
        rows.with_transform(lambda batch: batch),
        [1, 2],
    ):
        assert not has_tokens(other)
