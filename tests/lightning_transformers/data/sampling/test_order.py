"""The order of an epoch: any part of it at once, the former one for runs of before."""

from hypothesis import given, settings
from hypothesis import strategies as st

from lightning_transformers.data.sampling.order import ShuffledOrder, epoch_order
from lightning_transformers.training.formulas import FORMULAS


def test_a_run_of_before_keeps_its_order() -> None:
    assert epoch_order(12, 7, 3, formulas=2)[:99] == [1, 2, 10, 11, 5, 8, 7, 3, 6, 9, 0, 4]
    assert epoch_order(12, 7, 3, FORMULAS)[:99] == [4, 0, 7, 6, 5, 11, 2, 8, 9, 3, 1, 10]


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 3000), st.integers(0, 3000), st.integers(0, 2000), st.integers(1, 4))
def test_any_part_is_that_of_the_whole(size: int, start: int, rows: int, step: int) -> None:
    whole = [row for at in range(size) for row in ShuffledOrder(size, 5)[at : at + 1]]
    assert sorted(whole) == list(range(size))
    part = slice(start, start + rows, step)
    assert ShuffledOrder(size, 5)[part] == whole[part]
