"""Gradients that are the mean over all tokens of a step, however these are spread over batches."""

from collections.abc import Callable, Iterable
from typing import cast

import torch
from pytorch_lightning import Trainer
from torch import Tensor
from torch.optim import Optimizer


class TokenWeighting:
    """Weighs the batches of an optimizer step by the number of their loss terms.

    Lightning takes the mean of the batches' means: a token of a short batch then counts more than
    one of a long batch. With this, gradients accumulated so far are at any time those of the mean
    over the terms of all batches and processes so far: before a batch is added, they shrink by
    the share that the batch takes. What comes after the backward, such as clipping or noise,
    finds the right gradients.

    DeepSpeed accumulates by itself, and keeps the gradients: there the processes are weighed, the
    batches of a step are not.

    Attributes:
        total: number of loss terms of the step so far, over all processes; a scalar.
    """

    def __init__(self) -> None:
        self.total: Tensor | None = None
        self.window: tuple[int, int] | None = None

    def weigh(self, loss: Tensor, count_terms: Callable[[], Tensor], trainer: Trainer) -> Tensor:
        """Return the loss to take the gradient of, and make room for it in those there are.

        Args:
            loss: mean of a batch, divided by Lightning by the number of batches in a step.
            count_terms: returns the number of its terms; it is asked for if that matters.
            trainer: the trainer, whose optimizer has the parameters.
        """
        batches, processes = trainer.accumulate_grad_batches, trainer.world_size
        if batches == processes == 1:
            return loss
        count = count_terms().detach().to(loss.device)
        # The sum over the processes takes the place of what it is given.
        wide = count.to(torch.promote_types(loss.dtype, torch.float32), copy=True)
        everywhere = cast(Tensor, trainer.strategy.reduce(wide, reduce_op="sum"))
        if trainer.strategy.handles_gradient_accumulation:
            return loss * (count * processes / everywhere.clamp(min=1))
        before = self._before(trainer, everywhere)
        self.total = before + everywhere
        total = self.total.clamp(min=1)
        scale_gradients(trainer.optimizers, before / total)
        return loss * (count * batches * processes / total)

    def state(self) -> float:
        """Return the number of loss terms of a step that is not done."""
        return 0.0 if self.total is None else self.total.item()

    def restore(self, total: float, trainer: Trainer, device: torch.device) -> None:
        """Go on with the step that the last batch of a resumed run belongs to."""
        wide = torch.float32 if device.type == "mps" else torch.float64
        self.total = torch.tensor(total, dtype=wide, device=device)
        self.window = self._window(trainer)

    def _window(self, trainer: Trainer) -> tuple[int, int]:
        return trainer.current_epoch, trainer.fit_loop.batch_idx // trainer.accumulate_grad_batches

    def _before(self, trainer: Trainer, like: Tensor) -> Tensor:
        """Return the number of terms in the step before this batch: none, if it is the first."""
        window = self._window(trainer)
        # An optimizer may evaluate the first batch several times, each time from the start.
        first = (
            trainer.fit_loop.batch_idx % trainer.accumulate_grad_batches == 0
            or window != self.window
        )
        self.window = window
        return torch.zeros_like(like) if first or self.total is None else self.total


@torch.no_grad()
def scale_gradients(optimizers: Iterable[Optimizer], factor: Tensor) -> None:
    """Multiply the gradients of all parameters of optimizers by a factor, a scalar.

    The model itself may have others at this time: where weights are spread over devices, those
    that were gathered for the forward.
    """
    groups = [group["params"] for optimizer in optimizers for group in optimizer.param_groups]
    gradients = [p.grad for params in groups for p in params if p.grad is not None]
    if gradients:
        torch._foreach_mul_(gradients, factor)
