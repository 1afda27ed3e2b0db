"""Random permutations whose values are computed one by one, from a key.

Only integer arithmetic of fixed width is used, so that an order never depends on a version of a
library.
"""

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int64]
"""Rows, positions or lengths, `(n,)`."""
Words = NDArray[np.uint64]

SORTED = 2**16
"""Largest size of a permutation that is sorted: a network of few bits is not random enough."""
ROUNDS = 6


def random_words(key: int, numbers: Numbers) -> Words:
    """Return random numbers of 64 bits: the outputs of SplitMix64 (Steele et al., 2014).

    Args:
        key: the seed, from 0.
        numbers: which of its outputs, `(n,)`.
    """
    return mixed(np.uint64(key) + (numbers.astype(np.uint64) + 1) * np.uint64(0x9E3779B97F4A7C15))


def mixed(words: Words) -> Words:
    """Return words `(n,)` of which each bit depends on all bits of its argument."""
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))


def random_order(size: int, key: int) -> Numbers:
    """Return all numbers below `size` in random order, `(size,)`, by sorting."""
    return np.argsort(random_words(key, np.arange(size)), kind="stable")


class Permutation:
    """A random permutation of `range(size)` in constant memory.

    A Feistel network permutes the numbers of an even number of bits; a number that leaves the range
    passes through it again until it is back (Black and Rogaway, 2002).

    Args:
        size: number of values.
        key: the seed, from 0.
    """

    def __init__(self, size: int, key: int) -> None:
        self.size = size
        half = (size.bit_length() + 1) // 2
        self.half, self.mask = np.uint64(half), np.uint64((1 << half) - 1)
        self.keys = random_words(key, np.arange(ROUNDS))
        self.values = random_order(size, key) if size <= SORTED else None

    def __call__(self, positions: Numbers) -> Numbers:
        """Return the values at positions below `size`, `(n,)`."""
        if self.values is not None:
            return self.values[positions]
        values = self._network(positions.astype(np.uint64))
        while (outside := values >= self.size).any():
            values[outside] = self._network(values[outside])
        return values.astype(np.int64)

    def _network(self, values: Words) -> Words:
        left, right = values >> self.half, values & self.mask
        for key in self.keys:
            left, right = right, left ^ (mixed(right ^ key) & self.mask)
        return (left << self.half) | right
