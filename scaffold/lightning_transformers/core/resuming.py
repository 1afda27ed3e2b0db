"""What a checkpoint of Lightning lacks for a run that goes on bit for bit."""

import random
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from pytorch_lightning import Trainer
from pytorch_lightning.callbacks import EarlyStopping, GradientAccumulationScheduler
from pytorch_lightning.callbacks.early_stopping import EarlyStoppingReason
from pytorch_lightning.loops.fit_loop import RestartStage
from torch import Tensor, distributed
from torch.distributed.tensor import DTensor

from lightning_transformers.run_folder import moved

if TYPE_CHECKING:
    from lightning_transformers.core.task import TaskTransformer

KEY = "exact_resume"


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

    `trainer.current_epoch` is one behind, while a run is set up that goes on from an epoch's end.
    """
    epochs: Any = trainer.fit_loop.epoch_progress.current if trainer else None
    return epochs.processed if epochs else 0


def state_of(model: "TaskTransformer") -> list[dict[str, Any]]:
    """Return for each process its random states, and the gradients of a step that is not done.

    Of several processes the first alone gets that of the others, since it writes the checkpoint.
    It has the metrics that were logged as well.
    """
    trainer = model.trainer
    processes = trainer.world_size
    unlogged = None if model.unlogged_loss is None else model.unlogged_loss.cpu()
    mine = {"random": random_states(), "unlogged_loss": unlogged}
    everyone: list[dict[str, Any]] = gathered(mine, processes)
    everyone[0]["metrics"] = {k: value.cpu() for k, value in trainer.callback_metrics.items()}
    manual = not model.automatic_optimization
    if not (manual or model.trainer.fit_loop._should_accumulate()):
        return everyone
    for process, targets in zip(
        everyone, gathered(model.weighting.state(), processes), strict=True
    ):
        process |= {"gradients": {}, "targets": targets}
    for name, parameter in model.named_parameters():
        gradient = None if parameter.grad is None else local(parameter.grad.detach()).cpu()
        # One by one: all at once may not fit into the memory of a device.
        for process, value in zip(everyone, gathered(gradient, processes), strict=True):
            if value is not None:
                process["gradients"][name] = value
    return everyone


def gathered(mine: Any, processes: int) -> list[Any]:
    """Return what each process has, on the first one; on the others this one's alone."""
    if processes == 1:
        return [mine]
    everyone: list[Any] | None = [None] * processes if distributed.get_rank() == 0 else None
    distributed.gather_object(mine, everyone)
    return everyone or [mine]


def restore_results(model: "TaskTransformer", states: list[Any]) -> None:
    """Have the metrics that were logged: callbacks and schedules decide by them."""
    trainer = model.trainer
    logged: Any = trainer._logger_connector._callback_metrics
    logged.update({k: value.to(model.device) for k, value in states[0].get("metrics", {}).items()})
    unlogged = states[trainer.global_rank % len(states)].get("unlogged_loss")
    model.unlogged_loss = None if unlogged is None else unlogged.to(model.device)


def has_stopped(trainer: Trainer) -> bool:
    """Tell whether the run that goes on had been ended by early stopping."""
    return any(
        isinstance(callback, EarlyStopping)
        and callback.stopping_reason != EarlyStoppingReason.NOT_STOPPED
        for callback in trainer.callbacks  # type: ignore[attr-defined]
    )


def restore(model: "TaskTransformer", states: list[Any]) -> None:
    """Take up what `state_of` gave, if as many processes go on as there were."""
    for callback in model.trainer.callbacks:  # type: ignore[attr-defined]
        if isinstance(callback, GradientAccumulationScheduler):
            # In the midst of an epoch, Lightning does not tell it which one that is.
            callback.on_train_epoch_start(model.trainer)
    if len(states) != model.trainer.world_size:
        return
    state = states[model.trainer.global_rank]
    set_random_states(state["random"])
    if "gradients" not in state:
        return
    for name, parameter in model.named_parameters():
        if name in state["gradients"]:
            parameter.grad = spread_as(parameter, state["gradients"][name].to(parameter.device))
    model.weighting.restore(state["targets"], model.trainer, model.device)


def local(value: Tensor) -> Tensor:
    """Return the part of a tensor that is on this process."""
    return value.to_local() if isinstance(value, DTensor) else value


def spread_as(parameter: Tensor, part: Tensor) -> Tensor:
    """Return a tensor that is spread over the processes as a parameter is, from a part of it."""
    if not isinstance(parameter, DTensor):
        return part
    layout = parameter.device_mesh, parameter.placements
    return DTensor.from_local(part, *layout, shape=parameter.shape, stride=parameter.stride())


def finish_batch(trainer: Trainer, loops: dict[str, Any]) -> None:
    """Have a run that goes on from the end of a batch do what else was due after it.

    From a checkpoint that is written in `on_train_batch_end`, Lightning goes on with the next
    batch: a validation is left out, and after the last batch of an epoch the hooks of its end and
    those of the next one's start.

    Args:
        trainer: the trainer, in the midst of the fit.
        loops: their state as it goes into the checkpoint.
    """
    loop = trainer.fit_loop.epoch_loop
    progress: Any = loop.batch_progress
    if progress.total.completed == progress.total.processed:
        return  # the end of the batch has passed
    fetcher = trainer.fit_loop._data_fetcher
    validates = fetcher is not None and loop._should_check_val_fx(fetcher)
    if not validates and not progress.is_last_batch:
        return
    state = loops["fit_loop"]
    for count in ("total", "current"):
        state["epoch_loop.batch_progress"][count]["completed"] += 1
    if validates:  # as if it had begun
        begun = {"ready": 1, "started": 1, "processed": 0, "completed": 0}
        state["epoch_loop.val_loop.batch_progress"]["total"] = begun
    elif not loop._should_accumulate():
        state["epoch_loop.state_dict"]["_batches_that_stepped"] += 1


def follow_folder(trainer: Trainer, states: dict[str, Any]) -> None:
    """Have callbacks know their checkpoints in a run folder that was moved or copied.

    `ModelCheckpoint` forgets which one was best if the folder has another name than it had. It is
    to forget it, too, if that has stayed with a former run, or else none would be written.

    Args:
        trainer: the trainer, which goes on from a checkpoint.
        states: those of the callbacks, which are changed.
    """
    for callback in trainer.checkpoint_callbacks:
        state, folder = states.get(callback.state_key), getattr(callback, "dirpath", None)
        if not state or not folder or "://" in str(folder):
            continue
        if Path(trainer.ckpt_path or "").resolve().parent == Path(folder).resolve():
            state = states[callback.state_key] = moved(state, str(state["dirpath"]), str(folder))
        if (best := state.get("best_model_path")) and not Path(best).exists():
            del states[callback.state_key]


def finish_epoch(trainer: Trainer) -> None:
    """Have a run that goes on from the end of an epoch go on with the next one.

    With `max_steps` alone, Lightning would run another end of the epoch, without batches.
    """
    loop = trainer.fit_loop
    if loop.restarted_on_epoch_end and loop._iteration_based_training():
        loop.epoch_progress.increment_completed()
        loop._restart_stage = RestartStage.RESUMED_ON_EPOCH_END
        loop._restarting = loop.epoch_loop.restarting = False


def random_states() -> dict[str, Any]:
    """Return the states of all generators of this process, as tensors and plain Python."""
    name, keys, *rest = np.random.get_state()
    cuda = torch.cuda.get_rng_state() if torch.cuda.is_available() else None
    return {
        "torch": torch.get_rng_state(),
        "cuda": cuda,
        "numpy": [name, torch.from_numpy(np.asarray(keys, dtype=np.int64)), *rest],
        "python": random.getstate(),
    }


def set_random_states(states: dict[str, Any]) -> None:
    """Set all generators of this process to what `random_states` gave."""
    torch.set_rng_state(states["torch"])
    if states["cuda"] is not None and torch.cuda.is_available():
        torch.cuda.set_rng_state(states["cuda"])
    name, keys, *rest = states["numpy"]
    np.random.set_state((name, keys.numpy().astype(np.uint32), *rest))
    random.setstate(states["python"])
