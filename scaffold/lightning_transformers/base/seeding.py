"""Seeds and random numbers that are the same on every rank and after a resume."""

import hashlib
import os
import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


def keyed_generator(purpose: str, step: int, device: torch.device) -> torch.Generator:
    """Return a generator whose stream depends on (global seed, purpose, step) alone.

    The global random state differs between ranks and moves with every dropout, so a change of
    the weights drawn from it desynchronises the ranks and is lost by a resume. The global seed is
    the one of `pytorch_lightning.seed_everything`, or 0.
    """
    key = f"{os.environ.get('PL_GLOBAL_SEED', '0')}/{purpose}/{step}"
    return torch.Generator(device=device).manual_seed(_hashed(key))


def seed_of(*key: object) -> int:
    """Return a seed that follows from a key of plain values."""
    return _hashed(repr(key))


@contextmanager
def temporary_seed(seed: int) -> Iterator[None]:
    """Seed torch, NumPy and Python for a while, and leave them as they were."""
    numbers, state = np.random.get_state(), random.getstate()
    with torch.random.fork_rng(devices=[]):
        # torch.manual_seed would seed the generators of GPUs as well, which are not put back.
        torch.default_generator.manual_seed(seed)
        np.random.seed(seed % 2**32)
        random.seed(seed)
        try:
            yield
        finally:
            np.random.set_state(numbers)
            random.setstate(state)


def _hashed(key: str) -> int:
    """Return a seed of 63 bits, which is what torch takes without a sign."""
    digest = hashlib.blake2b(key.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1
