"""Run folders as a report reads them."""

import pyarrow as pa
import pytest

from lightning_transformers.reports.run_files import Evaluation


@pytest.mark.parametrize("numbers", [[1, 0], []])
def test_rows_by_their_indices(numbers: list[int]) -> None:
    """A report of a faultless evaluation asks for no rows."""
    rows = [{"text": "a", "score": 0.5}, {"text": "b", "score": 1.0}]
    found = Evaluation(pa.Table.from_pylist(rows)).rows(numbers)
    assert found == [rows[number] for number in numbers]
