"""Gradients that are the mean over all tokens of a step, however these are spread over batches."""

from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, TypeVar, cast

import torch
from pytorch_lightning import Trainer
from torch import Tensor
from torch.optim import Optimizer

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.base.types import Loss, positive

Method = TypeVar("Method", bound=Callable[..., Any])


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
        count: number of terms in the loss of the batch, as far as the task has worked it out.
        total: number of loss terms of the step so far, over all processes; a scalar.
    """

    def __init__(self) -> None:
        self.count: Tensor | None = None
        self.total: Tensor | None = None
        self.window: tuple[int, int] | None = None
        self.weighed: tuple[int, int] | None = None

    def weigh(
        self, loss: Tensor, count_terms: Callable[[], Tensor], trainer: Trainer
    ) -> Tensor | None:
        """Return the weight of a batch in the gradient, and make room for it in those there are.

        It is None where a batch is all of a step.

        Args:
            loss: mean of a batch, divided by Lightning by the number of batches in a step.
            count_terms: returns the number of its terms; it is asked for if that matters.
            trainer: the trainer, whose optimizer has the parameters.

        Raises:
            ConfigurationError: for an optimizer that evaluates the last of several batches again,
                which would add it once more to the gradients of the others.
        """
        batches, processes = trainer.accumulate_grad_batches, trainer.world_size
        if batches == processes == 1:
            return None
        count = count_terms().detach().to(loss.device)
        # The sum over the processes takes the place of what it is given.
        wide = count.to(torch.promote_types(loss.dtype, torch.float32), copy=True)
        everywhere = cast(Tensor, trainer.strategy.reduce(wide, reduce_op="sum"))
        if trainer.strategy.handles_gradient_accumulation:
            return count * processes / positive(everywhere)
        before = self._before(trainer, everywhere)
        self.total = before + everywhere
        total = positive(self.total)
        scale_gradients(trainer.optimizers, before / total)
        return count * batches * processes / total

    def state(self) -> float:
        """Return the number of loss terms of a step that is not done."""
        return 0.0 if self.total is None else self.total.item()

    def restore(self, total: float, trainer: Trainer, device: torch.device) -> None:
        """Go on with the step that the last batch of a resumed run belongs to."""
        wide = torch.float32 if device.type == "mps" else torch.float64
        self.total = torch.tensor(total, dtype=wide, device=device)
        self.window, self.weighed = self._window(trainer), None

    def _window(self, trainer: Trainer) -> tuple[int, int]:
        return trainer.current_epoch, trainer.fit_loop.batch_idx // trainer.accumulate_grad_batches

    def _before(self, trainer: Trainer, like: Tensor) -> Tensor:
        """Return the number of terms in the step before this batch: none, if it is the first."""
        batch, window = trainer.fit_loop.batch_idx, self._window(trainer)
        # An optimizer may evaluate the first batch several times, each time from the start.
        first = batch % trainer.accumulate_grad_batches == 0 or window != self.window
        if not first and self.weighed == (trainer.current_epoch, batch):
            raise ConfigurationError(
                f"{type(trainer.optimizers[0]).__name__} evaluates a batch several times in a "
                "step, which has to have no other: set trainer.accumulate_grad_batches=1"
            )
        self.window, self.weighed = window, (trainer.current_epoch, batch)
        return torch.zeros_like(like) if first or self.total is None else self.total


def records_loss_count(step: Method) -> Method:
    """Have a method of a task note how many terms the loss has that it returns, maybe among others.

    So a batch is weighed by what its loss is the mean of, be it that of `training_step` or of a
    step of the user's own. Where one such method calls another, the outer one counts.
    """

    @wraps(step)
    def counting(task: Any, *arguments: Any, **kwargs: Any) -> Any:
        found = step(task, *arguments, **kwargs)
        loss = found[0] if isinstance(found, tuple) else found
        if isinstance(loss, Loss):
            task.weighting.count = loss.count.detach()
        return found

    counting.is_wrapped = True  # type: ignore[attr-defined]
    return cast(Method, counting)


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
