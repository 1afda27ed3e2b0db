"""Seeds and random generators that are equal on every rank and after a resume."""

import hashlib
import os
import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


def keyed_generator(purpose: str, step: int, device: torch.device) -> torch.Generator:
    """Return a generator seeded by (global seed, purpose, step) alone.

    The global random state differs between ranks and advances with every dropout: noise drawn
    from it would desynchronize the weights of the ranks.

    Args:
        purpose: name of the use, so that two uses in a step draw different numbers.
        step: number of the training step.
        device: device of the generator.

    Returns:
        The generator. The global seed is that of `pytorch_lightning.seed_everything`, or 0.
    """
    key = f"{os.environ.get('PL_GLOBAL_SEED', '0')}/{purpose}/{step}"
    return torch.Generator(device=device).manual_seed(_hashed(key))


def seed_of(*key: object) -> int:
    """Return a 63-bit seed that depends on the values of `key` alone: equal in every process.

    Args:
        key: strings and numbers, such as the run's seed and an epoch.
    """
    return _hashed(repr(key))


@contextmanager
def temporary_seed(seed: int) -> Iterator[None]:
    """Seed torch (CPU), NumPy and Python within the block, and restore their states after it."""
    numbers, state = np.random.get_state(), random.getstate()
    with torch.random.fork_rng(devices=[]):
        # torch.manual_seed would also seed the GPUs, which fork_rng(devices=[]) does not restore.
        torch.default_generator.manual_seed(seed)
        np.random.seed(seed % 2**32)
        random.seed(seed)
        try:
            yield
        finally:
            np.random.set_state(numbers)
            random.setstate(state)


def _hashed(key: str) -> int:
    """Return a seed of 63 bits, since torch's are signed 64-bit integers."""
    digest = hashlib.blake2b(key.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1
