"""Writing checkpoints that load safely, and that a kill cannot spoil."""

import os
from collections.abc import Iterator
from pathlib import Path
from pickle import PickleError
from typing import Any

import torch
from lightning_fabric.plugins import TorchCheckpointIO
from torch import Tensor

from lightning_transformers.errors import ConfigurationError

PLAIN = (Tensor, str, bytes, bool, int, float, complex, type(None), torch.dtype, torch.device)


class SafeCheckpointIO(TorchCheckpointIO):
    """Writes a checkpoint beside its place, reads it back, and puts it there at once.

    The file is read with `weights_only=True`, as `torch.load` does by default: what needs more to
    be loaded is refused when it is written, and not when it is needed.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None
    ) -> None:
        """Write a checkpoint; raises ConfigurationError for one that could not be loaded."""
        if "://" in str(path):  # an object store, which takes a file as a whole
            super().save_checkpoint(checkpoint, path, storage_options)
            return
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        beside = target.with_name(f".{target.name}.part")
        try:
            with beside.open("wb") as file:
                torch.save(checkpoint, file)
                file.flush()
                os.fsync(file.fileno())
            torch.load(beside, map_location="cpu", mmap=True, weights_only=True)
            os.replace(beside, target)
        except (PickleError, AttributeError, TypeError) as error:  # a lambda, a lock, a path
            key, value = next(harmful(checkpoint), ("it", error))
            raise ConfigurationError(
                f"the checkpoint would not load safely: {key} is a {type(value).__name__}; keep "
                "tensors and plain Python values in hyperparameters and states"
            ) from error
        finally:
            beside.unlink(missing_ok=True)


def harmful(value: Any, key: str = "checkpoint") -> Iterator[tuple[str, Any]]:
    """Yield what is neither a tensor nor plain Python in a structure, with the keys to it."""
    if isinstance(value, dict):
        for name, part in value.items():
            yield from harmful(part, f"{key}[{name!r}]")
    elif isinstance(value, list | tuple | set):
        for index, part in enumerate(value):
            yield from harmful(part, f"{key}[{index}]")
    elif type(value) not in PLAIN and not isinstance(value, Tensor):
        yield key, value
