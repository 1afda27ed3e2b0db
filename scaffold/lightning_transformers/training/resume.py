"""State that Lightning's checkpoints lack for a bit-exact resume."""

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
from torch.optim.lr_scheduler import LambdaLR
from transformers import PreTrainedModel

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.base.run_folder import rebase_paths
from lightning_transformers.base.types import Batch, Checkpoint
from lightning_transformers.models.local_shards import distribute_like, local_shard
from lightning_transformers.training.lightning_internals import (
    is_within_step,
    restore_logged_metrics,
)
from lightning_transformers.training.loss_normalization import TokenWeighting
from lightning_transformers.training.trainer_fields import fields

T = TypeVar("T")
KEY = "exact_resume"
"""Key of a checkpoint: the result of `capture_state`, an entry per rank."""


class ExactTask(Protocol):
    """Attributes of a task that an exact resume uses."""

    model: PreTrainedModel
    metrics: nn.ModuleDict
    """Metrics by stage, `val` and `test`, that the evaluation steps update."""
    weighting: TokenWeighting
    formulas: int
    """Version of the formulas, see `training.formulas`."""
    may_fuse: bool
    """Whether the trainer supports a fused optimizer."""
    data: Any
    """The data module, None without one."""
    current_batch: Batch
    """The training batch, set before `training_step`."""
    unlogged_loss: Tensor | None
    """Mean loss of the last batch, a scalar, or None if it was logged."""

    @property
    def trainer(self) -> Trainer:
        """The trainer of the task."""

    def attach_data(self, data: Any) -> None:
        """Hand the model's config and the formulas to the data module."""

    @property
    def device(self) -> torch.device:
        """Device of the parameters."""

    @property
    def automatic_optimization(self) -> bool:
        """Whether Lightning runs backward and the optimizer step."""

    def named_parameters(self) -> Iterator[tuple[str, nn.Parameter]]:
        """Yield the parameters with their names, as `nn.Module` does."""

    def number_of_targets(self) -> Tensor:
        """Return the number of loss terms of `current_batch`, a scalar."""


def batches_done(trainer: Trainer | None) -> int:
    """Return the number of batches already processed in a resumed epoch, 0 in any other epoch."""
    if trainer is None:
        return 0
    loop = trainer.fit_loop
    resumed = loop.restarting or loop.epoch_loop.restarting
    epochs: Any = loop.epoch_progress.current
    in_epoch = resumed and epochs.processed < epochs.started
    return loop.epoch_loop.batch_progress.current.ready if in_epoch else 0


def epochs_done(trainer: Trainer | None) -> int:
    """Return the number of finished epochs.

    `trainer.current_epoch` lags by one during the setup of a run that resumes at an epoch's end.
    """
    epochs: Any = trainer.fit_loop.epoch_progress.current if trainer else None
    return epochs.processed if epochs else 0


def limit_reached(trainer: Trainer) -> str | None:
    """Return the limit that a fit has reached, such as `max_epochs=2`, or None."""
    limits = {
        "max_steps": (trainer.max_steps, trainer.global_step),
        "max_epochs": (trainer.max_epochs, epochs_done(trainer)),
    }
    for name, (limit, done) in limits.items():
        if limit is not None and 0 <= limit <= done:
            return f"{name}={limit}"
    return None


def capture_state(task: ExactTask) -> list[Checkpoint]:
    """Return the state of each rank that Lightning's checkpoint lacks.

    Collective: all ranks must call it.

    Args:
        task: the task being trained.

    Returns:
        On rank 0, which writes the checkpoint, an entry per rank; on other ranks only their own.
        Keys: `random` (see `random_states`); `unlogged_loss`, a scalar or None; `metrics`, the
        logged metrics, for rank 0 alone; within an accumulated step also `gradients`, by parameter
        name on the CPU, and `targets`, the number of loss terms of the step so far.
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
        # One at a time: all gradients of all ranks may not fit into device memory.
        parts = gather_to_rank_zero(gradient, trainer.world_size)
        for process, value in zip(everyone, parts, strict=True):
            if value is not None:
                process["gradients"][name] = value
    return everyone


def gather_to_rank_zero(mine: T, processes: int) -> list[T]:
    """Gather a picklable value from all ranks.

    Args:
        mine: the value of this rank.
        processes: number of ranks.

    Returns:
        On rank 0 the values in the order of ranks; on other ranks only their own.
    """
    if processes == 1:
        return [mine]
    everyone: list[Any] | None = [None] * processes if distributed.get_rank() == 0 else None
    distributed.gather_object(mine, everyone)
    return everyone or [mine]


def restore_results(task: ExactTask, states: Sequence[Checkpoint]) -> None:
    """Restore logged metrics, which callbacks and schedulers monitor, and the unlogged loss.

    Args:
        task: the task of the resumed run.
        states: the result of `capture_state`; the number of ranks may have changed.
    """
    metrics = states[0].get("metrics", {})
    restore_logged_metrics(task.trainer, {k: v.to(task.device) for k, v in metrics.items()})
    unlogged = states[task.trainer.global_rank % len(states)].get("unlogged_loss")
    task.unlogged_loss = None if unlogged is None else unlogged.to(task.device)


def has_stopped(trainer: Trainer) -> bool:
    """Return whether early stopping had ended the run that is resumed."""
    return any(
        isinstance(callback, EarlyStopping)
        and callback.stopping_reason != EarlyStoppingReason.NOT_STOPPED
        for callback in fields(trainer).callbacks
    )


def follow_schedule(trainer: Trainer) -> None:
    """Set the learning rates of schedules that differ from those of the checkpoint.

    In a run that is extended, the optimizer would make its first step with the rate at which the
    shorter schedule has ended: zero.

    Args:
        trainer: the trainer of the resumed run.
    """
    for schedule in (config.scheduler for config in trainer.lr_scheduler_configs):
        if isinstance(schedule, LambdaLR):
            factors = zip(schedule.base_lrs, schedule.lr_lambdas, strict=True)
            rates = [base * factor(schedule.last_epoch) for base, factor in factors]
            if rates != schedule.get_last_lr():  # in the checkpoint
                for group, rate in zip(schedule.optimizer.param_groups, rates, strict=True):
                    group["lr"] = rate


def restore_state(task: ExactTask, states: Sequence[Checkpoint]) -> None:
    """Restore random states and the gradients of an unfinished step.

    Args:
        task: the task of the resumed run.
        states: the result of `capture_state`. If the number of ranks has changed, the random states
            are ignored, and each rank gets the mean of the gradients.

    Raises:
        ConfigurationError: for gradients of another number of ranks that are sharded.
    """
    trainer = task.trainer
    for callback in fields(trainer).callbacks:
        if isinstance(callback, GradientAccumulationScheduler):
            # Lightning does not call it when resuming within an epoch.
            callback.on_train_epoch_start(trainer)
    same_ranks = len(states) == trainer.world_size
    state = states[trainer.global_rank] if same_ranks else states[0]
    if same_ranks:
        set_random_states(state["random"])
    if "gradients" not in state:
        return
    parts = [part["gradients"] for part in ([state] if same_ranks else states)]
    for name, parameter in task.named_parameters():
        gradients = [part[name].to(parameter.device) for part in parts if name in part]
        if gradients:
            if len(parts) > 1 and isinstance(parameter, DTensor):
                raise ConfigurationError(
                    f"the checkpoint was written within a step on {len(states)} devices, with "
                    f"sharded gradients: resume on as many (now {trainer.world_size}), or from a "
                    "checkpoint written after a step"
                )
            # The strategy takes the mean over the ranks; a rank without a gradient counts as zero.
            gradient = (
                gradients[0] if len(parts) == 1 else torch.stack(gradients).sum(0) / len(parts)
            )
            parameter.grad = distribute_like(parameter, gradient)
    task.weighting.resume_step(state["targets"], trainer, task.device)


def relocate_checkpoint_paths(trainer: Trainer, states: Checkpoint) -> None:
    """Update the paths in checkpoint callbacks' states after the run folder was moved or copied.

    `ModelCheckpoint` drops its best score if the folder's name has changed. The score must also be
    dropped if the best file does not exist here, or no new one would be saved.

    Args:
        trainer: the trainer, which resumes from a checkpoint.
        states: the callbacks' states in the checkpoint; changed in place.
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
    """Return the states of all global generators of this process.

    Returns:
        `torch` and `cuda` (None without a GPU) as uint8 tensors, `numpy` as a list with a tensor,
        and `python` as a tuple: all load with `weights_only=True`.
    """
    name, keys, *rest = np.random.get_state()
    cuda = torch.cuda.get_rng_state() if torch.cuda.is_available() else None
    return {
        "torch": torch.get_rng_state(),
        "cuda": cuda,
        "numpy": [name, torch.from_numpy(np.asarray(keys, dtype=np.int64)), *rest],
        "python": random.getstate(),
    }


def set_random_states(states: Checkpoint) -> None:
    """Restore the states that `random_states` returned."""
    torch.set_rng_state(states["torch"])
    if states["cuda"] is not None and torch.cuda.is_available():
        torch.cuda.set_rng_state(states["cuda"])
    name, keys, *rest = states["numpy"]
    np.random.set_state((name, keys.numpy().astype(np.uint32), *rest))
    random.setstate(states["python"])
