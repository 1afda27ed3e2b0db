"""Checkpoints of sharded models: a folder to which each rank writes its part.

`torch.distributed.checkpoint` writes and reads the tensors, also for another number of ranks. The
rest of a checkpoint is in one file of the folder.
"""

import shutil
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, distributed
from torch.distributed.checkpoint.filesystem import FileSystemReader, FileSystemWriter
from torch.distributed.checkpoint.metadata import TensorStorageMetadata
from torch.distributed.checkpoint.state_dict_loader import load
from torch.distributed.checkpoint.state_dict_saver import save

from lightning_transformers.base.atomic import replace_folder
from lightning_transformers.base.run_folder import SHARDED_REST
from lightning_transformers.base.types import Checkpoint

WEIGHTS = "state_dict"
"""Key of the weights."""


def is_sharded(path: str | Path) -> bool:
    """Return whether a path is a complete sharded checkpoint."""
    return Path(path, SHARDED_REST).is_file()


def read_rest(path: str | Path) -> Checkpoint:
    """Return a sharded checkpoint without its tensors: `state_dict` has none."""
    content: Checkpoint = torch.load(
        Path(path, SHARDED_REST), map_location="cpu", weights_only=True
    )
    return content | {WEIGHTS: {}}


def weight_shapes(path: str | Path) -> dict[str, Tensor]:
    """Return the weights (any shape) of a sharded checkpoint by name, on the meta device."""
    found = FileSystemReader(path).read_metadata().state_dict_metadata
    prefix = f"{WEIGHTS}."
    return {
        name.removeprefix(prefix): torch.empty(
            about.size, dtype=about.properties.dtype, device="meta"
        )
        for name, about in found.items()
        if name.startswith(prefix) and isinstance(about, TensorStorageMetadata)
    }


def read_weights(path: str | Path, shapes: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return weights of a sharded checkpoint, in this process.

    Args:
        path: the folder.
        shapes: those to read, as from `weight_shapes`.
    """
    weights = {name: torch.empty_like(shape, device="cpu") for name, shape in shapes.items()}
    state = {f"{WEIGHTS}.{name}": value for name, value in weights.items()}
    load(cast(Any, state), checkpoint_id=path, no_dist=True)
    return weights


class ShardedWriter:
    """Writes sharded checkpoints in the background, from a copy in host memory.

    A save waits for the one before, and raises its error. The former checkpoint is replaced when
    all ranks have written theirs. All methods but `wait_alone` are collective.
    """

    def __init__(self) -> None:
        # A group of its own: its operations run in a thread, beside those of the training.
        self.group = distributed.new_group(backend="gloo")
        self.thread = ThreadPoolExecutor(max_workers=1)
        self.pending: Future[None] | None = None

    def save(self, tensors: Checkpoint, rest: Checkpoint, path: Path) -> None:
        """Start to write a checkpoint.

        Args:
            tensors: weights and states of optimizers, this rank's part of each.
            rest: everything else, of rank 0.
            path: the folder, the same on all ranks.
        """
        self.wait()
        beside = path.with_name(f".{path.name}.part")
        is_first = distributed.get_rank() == 0
        if is_first:
            shutil.rmtree(beside, ignore_errors=True)
            beside.mkdir(parents=True)
            torch.save(rest, beside / SHARDED_REST)
            torch.load(beside / SHARDED_REST, map_location="cpu", weights_only=True)
        distributed.barrier(self.group)
        copy = in_host_memory(tensors)
        self.pending = self.thread.submit(self._write, copy, beside, path if is_first else None)

    def _write(self, tensors: Checkpoint, beside: Path, path: Path | None) -> None:
        writer = FileSystemWriter(beside)
        save(tensors, storage_writer=writer, process_group=self.group)
        if path:  # rank 0 returns when all ranks have written
            replace_folder(beside, path)

    def wait(self) -> None:
        """Wait until the checkpoint is written."""
        pending, self.pending = self.pending, None
        if pending is not None:
            pending.result()
            distributed.barrier(self.group)

    def wait_alone(self) -> None:
        """Wait for this rank's part after an error, which the other ranks may not have.

        An error of the write is ignored: the first one counts. Not collective.
        """
        pending, self.pending = self.pending, None
        if pending is not None:
            with suppress(Exception):
                pending.result()


def in_host_memory(value: Any) -> Any:
    """Return a copy of dicts, lists and tensors (any shape) with this rank's parts on the CPU."""
    if isinstance(value, Tensor):
        return value.detach().clone() if value.device.type == "cpu" else value.detach().cpu()
    if isinstance(value, dict):
        return {key: in_host_memory(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(in_host_memory, value))
    return value
