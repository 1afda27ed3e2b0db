"""Safe, atomic writing of checkpoints, also in the background."""

import copy
import os
from collections import OrderedDict
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Any

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


SMALL = 8192
"""Elements of a tensor up to which its values are compared, not its memory and version."""


class SafeCheckpointIO(TorchCheckpointIO):
    """Writes checkpoints atomically, after loading them once.

    The trial load uses `weights_only=True`, the default of `torch.load`, so that unsafe content
    fails on saving rather than on resuming. A checkpoint with the content of the one before, as
    `last.ckpt` after a new best, is a hard link to that file where the file system allows it.
    """

    def __init__(self) -> None:
        super().__init__()
        self._written: tuple[object, Path, tuple[int, ...]] | None = None
        """Identity of the content, path and state of the newest file."""
        self._has_ended = False
        """Whether the fit has ended: then weights may be edited without a new version."""

    def setup(self) -> None:
        """Prepare for another fit after `teardown`."""
        self._has_ended = False

    def teardown(self) -> None:
        """Write each checkpoint anew from now on, as the fit has ended."""
        self._has_ended, self._written = True, None

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
        identity = object() if self._has_ended else identity_of(checkpoint)
        self._store(checkpoint, Path(path), identity)

    def _store(self, checkpoint: Checkpoint, path: Path, identity: object) -> None:
        if self._written is None or self._written[0] != identity or not self._link(path):
            self._write(checkpoint, path)
            self._written = identity, path, state_of(path)
        log_detail("saved %s at step %d", os.path.relpath(path), checkpoint["global_step"])

    def _link(self, path: Path) -> bool:
        """Let a path have the newest file; return whether that was possible."""
        _, newest, state = self._written or (None, path, ())
        try:
            if state_of(newest) != state:  # replaced meanwhile
                return False
            if newest != path:
                with write_atomically(path) as beside:
                    os.link(newest, beside)
        except OSError:  # a file system without hard links
            return False
        return True

    def _write(self, checkpoint: Checkpoint, path: Path) -> None:
        try:
            write_checkpoint(checkpoint, path)
        except Exception as error:  # of the disk, of pickle, or of code that it calls
            if line := disk_full(error, os.path.relpath(path)):
                raise ConfigurationError(line) from error
            require_loadable(checkpoint, error)
            raise


class BackgroundCheckpointIO(SafeCheckpointIO):
    """Writes checkpoints in a thread, from a copy of their tensors in host memory.

    A save waits for the one before, and raises its error; the end of the fit waits, too. After it,
    a save is written at once, as nothing would wait for it.
    """

    def __init__(self) -> None:
        super().__init__()
        self._thread: ThreadPoolExecutor | None = None
        self._jobs: list[Future[None]] = []
        self._copy: Checkpoint = {}
        self._copied: object = None
        """Identity of the content of the copy."""
        self._buffers: dict[object, Tensor] = {}

    def save_checkpoint(
        self, checkpoint: Checkpoint, path: str | Path, storage_options: object = None
    ) -> None:
        """Copy a checkpoint, and write it in the background.

        Raises:
            ConfigurationError: if the former one could not be loaded safely, or the disk is full.
        """
        if self._has_ended:
            super().save_checkpoint(checkpoint, path, storage_options)
            return
        identity = identity_of(checkpoint)
        if identity != self._copied:
            self.wait()
            former, self._buffers = self._buffers, {}
            self._copy = copied(checkpoint, former, self._buffers)
            self._copied = identity
        if "://" in str(path):
            self._submit(super().save_checkpoint, self._copy, path, storage_options)
        else:
            self._submit(self._store, self._copy, Path(path), identity)

    def load_checkpoint(self, *arguments: Any, **keywords: Any) -> Checkpoint:
        """Load a checkpoint, as soon as all are written."""
        self.wait()
        content: Checkpoint = super().load_checkpoint(*arguments, **keywords)
        return content

    def remove_checkpoint(self, path: str | Path) -> None:
        """Remove a checkpoint, after those that are being written, unless one of them fails."""
        earlier, remove = [*self._jobs], super().remove_checkpoint
        if self._has_ended:
            remove(path)
            return

        def remove_unless_failed() -> None:
            if not any(job.exception() for job in earlier):  # else it may be the only one
                remove(path)

        self._submit(remove_unless_failed)

    def teardown(self) -> None:
        """Wait until all is written, and end the thread; raises what `save_checkpoint` does."""
        if self._thread:
            self._thread.shutdown()
        super().teardown()
        self._thread, self._copied, self._copy, self._buffers = None, None, {}, {}
        self.wait()

    def wait(self) -> None:
        """Wait until all is written; raises what `save_checkpoint` does."""
        jobs, self._jobs = self._jobs, []
        for job in jobs:
            job.result()

    def _submit(self, function: Callable[..., None], *arguments: object) -> None:
        self._thread = self._thread or ThreadPoolExecutor(max_workers=1)
        self._jobs.append(self._thread.submit(function, *arguments))


def copied(value: Any, former: dict[object, Tensor], buffers: dict[object, Tensor]) -> Any:
    """Return a copy of the content of a checkpoint, with its tensors in host memory.

    Args:
        value: a dict, list, tuple, tensor (any shape) or other value, which is not copied.
        former: memory of the copy before, which is taken where the same tensor is copied again.
        buffers: gets the memory of this copy; tensors that share memory share it again.
    """
    if isinstance(value, Tensor):
        if value.layout is not torch.strided:  # a sparse one has no memory of its own
            return value.detach().to("cpu", copy=True)
        key = (value.data_ptr(), value.shape, value.stride(), value.dtype)
        if key not in buffers:
            memory = former.get(key)
            buffers[key] = torch.empty_like(value, device="cpu") if memory is None else memory
            buffers[key].copy_(value.detach())
        return buffers[key]
    if isinstance(value, dict):
        result = copy.copy(value)  # a state dict has metadata as an attribute
        result.update({key: copied(part, former, buffers) for key, part in value.items()})
        return result
    if type(value) in (list, tuple):
        return type(value)(copied(part, former, buffers) for part in value)
    return value


def identity_of(value: Any) -> object:
    """Return a key of the content of a checkpoint, equal only for equal content.

    Large tensors are not read: an equal version of the same memory counts as equal. Between two
    saves with equal progress, random states and small tensors, nothing changes them.

    Args:
        value: any value; one of another type than those of plain data is unlike all others, and so
            is a sparse tensor.
    """
    is_comparable = type(value) in (Tensor, Parameter) and not value.is_inference()
    if is_comparable and value.layout is torch.strided:
        about = (type(value), value.dtype, value.shape)
        if value.numel() > SMALL:
            return (*about, value.data_ptr(), value.stride(), value._version)
        return (*about, value.detach().cpu().reshape(-1).view(torch.uint8).numpy().tobytes())
    if isinstance(value, dict):
        return (type(value), [(key, identity_of(part)) for key, part in value.items()])
    if isinstance(value, list | tuple):
        return (type(value), [identity_of(part) for part in value])
    plain = value is None or isinstance(value, str | int | float | bytes)
    return (type(value), value) if plain else object()


def state_of(file: Path) -> tuple[int, ...]:
    """Return the inode, the size and the time of change of a file."""
    found = file.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns


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
