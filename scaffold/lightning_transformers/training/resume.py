"""What a checkpoint of Lightning lacks for a resume that is exact, bit for bit."""

import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
import torch
from pytorch_lightning import Trainer
from pytorch_lightning.callbacks import EarlyStopping, GradientAccumulationScheduler
from pytorch_lightning.callbacks.early_stopping import EarlyStoppingReason
from torch import Tensor, distributed, nn
from torch.distributed.tensor import DTensor
from transformers import PreTrainedModel

from lightning_transformers.base.run_folder import rebase_paths
from lightning_transformers.base.types import Batch, Checkpoint
from lightning_transformers.training.lightning_internals import (
    is_within_step,
    restore_logged_metrics,
)
from lightning_transformers.training.loss_normalization import TokenWeighting
from lightning_transformers.training.trainer_fields import fields

T = TypeVar("T")
KEY = "exact_resume"
"""Key of a checkpoint: for each process, what `capture_state` returns."""


class ExactTask(Protocol):
    """What an exact run needs of a task."""

    model: PreTrainedModel
    metrics: nn.ModuleDict
    """For each stage the metrics that `validation_step` and `test_step` update."""
    weighting: TokenWeighting
    current_batch: Batch
    """The batch that is being trained on, set before `training_step`."""
    unlogged_loss: Tensor | None
    """The loss of the last step, if it has not been logged."""

    @property
    def trainer(self) -> Trainer:
        """The trainer that runs the task."""

    @property
    def device(self) -> torch.device:
        """Where the parameters are."""

    @property
    def automatic_optimization(self) -> bool:
        """Whether Lightning calls backward and the optimizer."""

    def named_parameters(self) -> Iterator[tuple[str, nn.Parameter]]:
        """Yield the parameters with their names."""

    def number_of_targets(self) -> Tensor:
        """Return the number of loss terms of `current_batch`, a scalar."""


def batches_done(trainer: Trainer | None) -> int:
    """Return how many batches of its epoch a run has had that is being resumed, else 0."""
    if trainer is None:
        return 0
    loop = trainer.fit_loop
    resumed = loop.restarting or loop.epoch_loop.restarting
    epochs: Any = loop.epoch_progress.current
    in_epoch = resumed and epochs.processed < epochs.started
    return loop.epoch_loop.batch_progress.current.ready if in_epoch else 0


def epochs_done(trainer: Trainer | None) -> int:
    """Return how many epochs a run has had.

    `trainer.current_epoch` is one behind while a run is set up that resumes from an epoch's end.
    """
    epochs: Any = trainer.fit_loop.epoch_progress.current if trainer else None
    return epochs.processed if epochs else 0


def capture_state(task: ExactTask) -> list[Checkpoint]:
    """Return the state of each process: random states, and gradients of an unfinished step.

    With several processes, only rank 0 gets the states of the others, since it writes the
    checkpoint. Its own state has the logged metrics as well.
    """
    trainer = task.trainer
    unlogged = None if task.unlogged_loss is None else task.unlogged_loss.cpu()
    everyone: list[Checkpoint] = gather_to_rank_zero(
        {"random": random_states(), "unlogged_loss": unlogged}, trainer.world_size
    )
    everyone[0]["metrics"] = {k: value.cpu() for k, value in trainer.callback_metrics.items()}
    if task.automatic_optimization and not is_within_step(trainer):
        return everyone
    targets = gather_to_rank_zero(task.weighting.state(), trainer.world_size)
    for process, count in zip(everyone, targets, strict=True):
        process |= {"gradients": {}, "targets": count}
    for name, parameter in task.named_parameters():
        gradient = None if parameter.grad is None else local_shard(parameter.grad.detach()).cpu()
        # One by one: all at once may not fit into the memory of a device.
        parts = gather_to_rank_zero(gradient, trainer.world_size)
        for process, value in zip(everyone, parts, strict=True):
            if value is not None:
                process["gradients"][name] = value
    return everyone


def gather_to_rank_zero(mine: T, processes: int) -> list[T]:
    """Return what each process has, on rank 0; on the others this one's alone."""
    if processes == 1:
        return [mine]
    everyone: list[Any] | None = [None] * processes if distributed.get_rank() == 0 else None
    distributed.gather_object(mine, everyone)
    return everyone or [mine]


def restore_results(task: ExactTask, states: Sequence[Checkpoint]) -> None:
    """Restore the metrics that were logged: callbacks and schedules decide by them."""
    metrics = states[0].get("metrics", {})
    restore_logged_metrics(task.trainer, {k: v.to(task.device) for k, v in metrics.items()})
    unlogged = states[task.trainer.global_rank % len(states)].get("unlogged_loss")
    task.unlogged_loss = None if unlogged is None else unlogged.to(task.device)


def has_stopped(trainer: Trainer) -> bool:
    """Tell whether early stopping had ended the run that is resumed."""
    return any(
        isinstance(callback, EarlyStopping)
        and callback.stopping_reason != EarlyStoppingReason.NOT_STOPPED
        for callback in fields(trainer).callbacks
    )


def restore_state(task: ExactTask, states: Sequence[Checkpoint]) -> None:
    """Restore what `capture_state` returned, if there are as many processes as there were."""
    trainer = task.trainer
    for callback in fields(trainer).callbacks:
        if isinstance(callback, GradientAccumulationScheduler):
            # Within an epoch, Lightning does not tell it which one that is.
            callback.on_train_epoch_start(trainer)
    if len(states) != trainer.world_size:
        return
    state = states[trainer.global_rank]
    set_random_states(state["random"])
    if "gradients" not in state:
        return
    for name, parameter in task.named_parameters():
        if name in state["gradients"]:
            gradient = state["gradients"][name].to(parameter.device)
            parameter.grad = distribute_like(parameter, gradient)
    task.weighting.resume_step(state["targets"], trainer, task.device)


def local_shard(value: Tensor) -> Tensor:
    """Return the part of a tensor that is on this process."""
    return value.to_local() if isinstance(value, DTensor) else value


def distribute_like(parameter: Tensor, part: Tensor) -> Tensor:
    """Return a tensor that is distributed over the processes as a parameter is.

    Args:
        parameter: the parameter.
        part: the part of the tensor that belongs to this process.
    """
    if not isinstance(parameter, DTensor):
        return part
    layout = parameter.device_mesh, parameter.placements
    return DTensor.from_local(part, *layout, shape=parameter.shape, stride=parameter.stride())


def relocate_checkpoint_paths(trainer: Trainer, states: Checkpoint) -> None:
    """Have callbacks find their checkpoints in a run folder that was moved or copied.

    `ModelCheckpoint` forgets which one was best if the folder has another name than it had. It
    must forget it, too, if that file has stayed with a former run: else it would write none.

    Args:
        trainer: the trainer, which resumes from a checkpoint.
        states: those of the callbacks, changed in place.
    """
    for callback in trainer.checkpoint_callbacks:
        state, folder = states.get(callback.state_key), getattr(callback, "dirpath", None)
        if not state or not folder or "://" in str(folder):
            continue
        if Path(trainer.ckpt_path or "").resolve().parent == Path(folder).resolve():
            state = rebase_paths(state, str(state["dirpath"]), str(folder))
            states[callback.state_key] = state
        if (best := state.get("best_model_path")) and not Path(best).exists():
            del states[callback.state_key]


def random_states() -> Checkpoint:
    """Return the states of all generators of this process, as tensors and plain Python."""
    name, keys, *rest = np.random.get_state()
    cuda = torch.cuda.get_rng_state() if torch.cuda.is_available() else None
    return {
        "torch": torch.get_rng_state(),
        "cuda": cuda,
        "numpy": [name, torch.from_numpy(np.asarray(keys, dtype=np.int64)), *rest],
        "python": random.getstate(),
    }


def set_random_states(states: Checkpoint) -> None:
    """Set all generators of this process to what `random_states` returned."""
    torch.set_rng_state(states["torch"])
    if states["cuda"] is not None and torch.cuda.is_available():
        torch.cuda.set_rng_state(states["cuda"])
    name, keys, *rest = states["numpy"]
    np.random.set_state((name, keys.numpy().astype(np.uint32), *rest))
    random.setstate(states["python"])
