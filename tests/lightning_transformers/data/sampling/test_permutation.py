"""A keyed permutation has each number once, the same ones everywhere, and looks random."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lightning_transformers.data.sampling.permutation import SORTED, Permutation, random_words

SIZE = 200_000
EPOCHS = 20


@settings(deadline=None, max_examples=50)
@given(
    st.one_of(st.integers(1, 40), st.integers(SORTED - 2, SORTED + 2**17)), st.integers(0, 2**63)
)
def test_each_number_has_one_position(size: int, key: int) -> None:
    values = Permutation(size, key)(np.arange(size))
    assert np.array_equal(np.sort(values), np.arange(size))


def test_the_words_are_those_of_splitmix64() -> None:
    # The first outputs for seed 1234567, from the author's program.
    expected = [6457827717110365317, 3203168211198807973, 9817491932198370423]
    assert random_words(1234567, np.arange(3)).tolist() == expected


def test_orders_never_change() -> None:
    assert Permutation(10, 1)(np.arange(10)).tolist() == [8, 4, 3, 7, 0, 1, 5, 9, 6, 2]
    assert Permutation(10**9, 1)(np.arange(5)).tolist() == [
        189436573,
        234492442,
        583658029,
        191024471,
        488456243,
    ]


@pytest.fixture(scope="module", params=["ours", "numpy"])
def epochs(request: pytest.FixtureRequest) -> np.ndarray:
    """Return the orders of some epochs; those of numpy show that the tests hold for others."""
    if request.param == "ours":
        return np.stack([Permutation(SIZE, key)(np.arange(SIZE)) for key in range(EPOCHS)])
    return np.stack([np.random.default_rng(key).permutation(SIZE) for key in range(EPOCHS)])


def normal(values: np.ndarray) -> bool:
    """Return whether values are as those of a standard normal distribution, within 5 sigma."""
    return bool(abs(values.mean()) * len(values) ** 0.5 < 5 and abs(values).max() < 5)


def test_neighbors_are_not_correlated(epochs: np.ndarray) -> None:
    for lag in (1, 2, 16, 800, 512, 513):
        found = [np.corrcoef(order[:-lag], order[lag:])[0, 1] for order in epochs]
        assert normal(np.array(found) * SIZE**0.5), lag


def test_epochs_are_not_correlated(epochs: np.ndarray) -> None:
    found = [np.corrcoef(*pair)[0, 1] for pair in itertools.pairwise(epochs)]
    assert normal(np.array(found) * SIZE**0.5)
    same = sum((a == b).sum() for a, b in itertools.pairwise(epochs))
    assert same < EPOCHS + 5 * EPOCHS**0.5


def test_windows_of_50_batches_have_all_parts_of_the_data(epochs: np.ndarray) -> None:
    window, parts = 800, 10
    for order in epochs:
        windows = order.reshape(-1, window) * parts // SIZE
        counts = np.stack([(windows == part).sum(1) for part in range(parts)], 1)
        expected = window / parts
        chi_square = ((counts - expected) ** 2 / expected).sum(1)  # 9 degrees of freedom
        assert normal((chi_square.mean(keepdims=True) - 9) / (18 / len(windows)) ** 0.5)
        assert 0.7 < chi_square.var() / 18 < 1.4
