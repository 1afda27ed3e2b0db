"""Safe, atomic writing of checkpoints."""

import os
from collections import OrderedDict
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import torch
from lightning_fabric.plugins import TorchCheckpointIO
from torch import Tensor
from torch.nn import Parameter

from lightning_transformers.base.atomic import write_atomically
from lightning_transformers.base.errors import ConfigurationError, disk_full
from lightning_transformers.base.run_log import log_detail
from lightning_transformers.base.types import Checkpoint
from lightning_transformers.training.checkpoint import read_checkpoint
from lightning_transformers.training.resume import KEY

LOADABLE = (Tensor, Parameter, dict, OrderedDict, list, tuple, set)
"""Types that load safely if their parts do, and need no trial load."""

TRAINING_WEIGHTS = "training_weights"
"""Key of a checkpoint: the weights of which `state_dict` has the average."""
TRAINING_STATE = {
    *("optimizer_states", "lr_schedulers", "loops", "callbacks"),
    *(KEY, TRAINING_WEIGHTS),
}
"""Keys of a checkpoint that evaluation and prediction do not read."""


class SafeCheckpointIO(TorchCheckpointIO):
    """Writes checkpoints atomically, after loading them once.

    The trial load uses `weights_only=True`, the default of `torch.load`, so that unsafe content
    fails on saving rather than on resuming.
    """

    def save_checkpoint(
        self, checkpoint: Checkpoint, path: str | Path, storage_options: object = None
    ) -> None:
        """Write a checkpoint, or leave the former one intact.

        Raises:
            ConfigurationError: if it could not be loaded safely, or the disk is full.
        """
        if "://" in str(path):  # an object store writes atomically
            require_loadable(checkpoint)
            super().save_checkpoint(checkpoint, path, storage_options)
            return
        try:
            write_checkpoint(checkpoint, Path(path))
        except Exception as error:  # of the disk, of pickle, or of code that it calls
            if line := disk_full(error, os.path.relpath(path)):
                raise ConfigurationError(line) from error
            require_loadable(checkpoint, error)
            raise
        log_detail("saved %s at step %d", os.path.relpath(path), checkpoint["global_step"])


def write_checkpoint(checkpoint: Checkpoint, target: Path) -> None:
    """Write a checkpoint, flushed to disk, and replace the file only if it then loads safely.

    Args:
        checkpoint: the content.
        target: the file; its folder is created. An error of the trial load leaves it unchanged.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with write_atomically(target) as beside:
        with beside.open("wb") as file:
            torch.save(checkpoint, file)
            file.flush()
            os.fsync(file.fileno())
        torch.load(beside, map_location="cpu", mmap=True, weights_only=True)


def drop_training_state(file: Path) -> None:
    """Replace a checkpoint by one without the state from which training resumes.

    Args:
        file: a checkpoint in one file; one that has only weights stays as it is.
    """
    content = read_checkpoint(str(file))
    if not TRAINING_STATE.isdisjoint(content):
        kept = {key: value for key, value in content.items() if key not in TRAINING_STATE}
        write_checkpoint(kept, file)


def require_loadable(checkpoint: Checkpoint, cause: Exception | None = None) -> None:
    """Check that all parts of a checkpoint load safely.

    Args:
        checkpoint: the content to be written.
        cause: the error to chain.

    Raises:
        ConfigurationError: for the first part that does not.
    """
    for key, value in unloadable_parts(checkpoint, "checkpoint"):
        raise ConfigurationError(
            f"the checkpoint would not load safely: {key} is a {type(value).__name__}; keep "
            "only tensors and plain Python values in hyperparameters and states"
        ) from cause


def unloadable_parts(value: object, key: str) -> Iterator[tuple[str, object]]:
    """Yield path and value of the innermost parts of a value that do not load safely.

    Args:
        value: any value; dicts, lists, tuples and sets are searched.
        key: its path, such as `checkpoint['callbacks']`.
    """
    if isinstance(value, dict):
        parts = [(f"{key}[{name!r}]", part) for name, part in value.items()]
        parts += [(f"{key}.keys()", name) for name in value]
    elif isinstance(value, list | tuple | set):
        parts = [(f"{key}[{index}]", part) for index, part in enumerate(value)]
    else:
        parts = []
    inner = [found for name, part in parts for found in unloadable_parts(part, name)]
    yield from inner
    if inner or type(value) in LOADABLE:
        return
    try:
        content = BytesIO()
        torch.save(value, content)
        content.seek(0)
        torch.load(content, map_location="cpu", weights_only=True)
    except Exception:
        yield key, value
