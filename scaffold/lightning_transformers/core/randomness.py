"""Random numbers that are the same on every rank and after a resume."""

import hashlib
import os

import torch


def keyed_generator(purpose: str, step: int, device: torch.device) -> torch.Generator:
    """Return a generator whose stream depends on (global seed, purpose, step) alone.

    The global random state differs between ranks and moves with every dropout, so a change of
    the weights drawn from it desynchronises the ranks and is lost by a resume. The global seed is
    the one of `pytorch_lightning.seed_everything`, or 0.
    """
    key = f"{os.environ.get('PL_GLOBAL_SEED', '0')}/{purpose}/{step}"
    digest = hashlib.blake2b(key.encode(), digest_size=8).digest()
    return torch.Generator(device=device).manual_seed(int.from_bytes(digest, "big") >> 1)
