"""What a checkpoint of Lightning lacks for a run that goes on bit for bit."""

import random
from typing import Any

import numpy as np
import torch
from pytorch_lightning import LightningModule, Trainer
from torch import distributed

from lightning_transformers.core.weighting import TokenWeighting

KEY = "exact_resume"


def batches_done(trainer: Trainer | None) -> int:
    """Return how many batches of its epoch a run has had that is being resumed, else 0."""
    if trainer is None:
        return 0
    loop = trainer.fit_loop
    resumed = loop.restarting or loop.epoch_loop.restarting
    return loop.epoch_loop.batch_progress.current.ready if resumed else 0


def state_of(model: LightningModule, weighting: TokenWeighting) -> list[dict[str, Any]]:
    """Return for each process its random states, and the gradients of a step that is not done."""
    mine: dict[str, Any] = {"random": random_states()}
    if model.trainer.fit_loop._should_accumulate():
        mine["gradients"] = {
            name: p.grad.detach().cpu()
            for name, p in model.named_parameters()
            if p.grad is not None
        }
        mine["targets"] = weighting.state()
    if not (distributed.is_available() and distributed.is_initialized()):
        return [mine]
    everyone: list[Any] = [None] * distributed.get_world_size()
    distributed.all_gather_object(everyone, mine)
    return everyone


def restore(model: LightningModule, weighting: TokenWeighting, states: list[Any]) -> None:
    """Take up what `state_of` gave, if as many processes go on as there were."""
    if len(states) != model.trainer.world_size:
        return
    state = states[model.trainer.global_rank]
    set_random_states(state["random"])
    if "gradients" not in state:
        return
    for name, parameter in model.named_parameters():
        if name in state["gradients"]:
            parameter.grad = state["gradients"][name].to(parameter.device)
    weighting.restore(state["targets"], model.trainer, model.device)


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
