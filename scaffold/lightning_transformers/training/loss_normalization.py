"""Normalization of gradients by the number of loss terms in an optimizer step."""

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
    """Weights the batches of an optimizer step by their numbers of loss terms.

    Lightning averages the means of the batches, so that a token of a short batch counts more than
    one of a long batch. Here, accumulated gradients are always those of the mean over the terms of
    all batches and ranks so far: they are scaled down before each backward. Clipping and noise
    after the backward therefore see the correct gradients.

    DeepSpeed accumulates gradients internally: there, only the ranks of a batch are weighted.

    Attributes:
        count: number of terms in the batch's loss, a scalar, or None if the task did not record it.
        total: number of loss terms of the step so far over all ranks, a scalar.
        window: epoch and number of the optimizer step to which `total` belongs.
        weighed: epoch and index of the last weighed batch.
    """

    def __init__(self) -> None:
        self.count: Tensor | None = None
        self.total: Tensor | None = None
        self.window: tuple[int, int] | None = None
        self.weighed: tuple[int, int] | None = None

    def weigh(
        self, loss: Tensor, count_terms: Callable[[], Tensor], trainer: Trainer
    ) -> Tensor | None:
        """Return the factor for a batch's gradient, and scale down the accumulated gradients.

        Args:
            loss: mean loss of the batch, divided by the number of accumulated batches; a scalar.
            count_terms: returns the number of loss terms, a scalar; called only if needed.
            trainer: the trainer.

        Returns:
            A scalar, or None if a step consists of a single batch.

        Raises:
            ConfigurationError: for an optimizer that evaluates a batch repeatedly, which would add
                it to the accumulated gradients each time.
        """
        batches, processes = trainer.accumulate_grad_batches, trainer.world_size
        if batches == processes == 1:
            return None
        count = count_terms().detach().to(loss.device)
        # reduce works in place.
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
        """Return the number of loss terms of an unfinished step, for the checkpoint."""
        return 0.0 if self.total is None else self.total.item()

    def resume_step(self, total: float, trainer: Trainer, device: torch.device) -> None:
        """Restore an unfinished step of a resumed run.

        Args:
            total: the result of `state`.
            trainer: the trainer, at the last batch before the checkpoint.
            device: device of the gradients.
        """
        wide = torch.float32 if device.type == "mps" else torch.float64
        self.total = torch.tensor(total, dtype=wide, device=device)
        self.window, self.weighed = self._window(trainer), None

    def _window(self, trainer: Trainer) -> tuple[int, int]:
        return trainer.current_epoch, trainer.fit_loop.batch_idx // trainer.accumulate_grad_batches

    def _before(self, trainer: Trainer, like: Tensor) -> Tensor:
        """Return the number of loss terms in the step before this batch, 0 for its first batch.

        Args:
            trainer: the trainer, at this batch.
            like: a scalar with the dtype and device of the result.

        Raises:
            ConfigurationError: if the optimizer evaluates a later batch of a step again.
        """
        batch, window = trainer.fit_loop.batch_idx, self._window(trainer)
        # An optimizer may evaluate the first batch repeatedly, from zero gradients each time.
        first = batch % trainer.accumulate_grad_batches == 0 or window != self.window
        if not first and self.weighed == (trainer.current_epoch, batch):
            raise ConfigurationError(
                f"{type(trainer.optimizers[0]).__name__} evaluates a batch repeatedly in a step: "
                "set trainer.accumulate_grad_batches=1"
            )
        self.window, self.weighed = window, (trainer.current_epoch, batch)
        return torch.zeros_like(like) if first or self.total is None else self.total


def records_loss_count(step: Method) -> Method:
    """Decorate a method of a task to record the term count of the `Loss` that it returns.

    The batch is weighted by this count. If decorated methods call each other, the outermost
    determines it.

    Args:
        step: returns a `Loss`, or a tuple that starts with one; other results are not recorded.
            It then raises ConfigurationError if the loss is not a scalar.
    """

    @wraps(step)
    def counting(task: Any, *arguments: Any, **kwargs: Any) -> Any:
        found = step(task, *arguments, **kwargs)
        loss = found[0] if isinstance(found, tuple) else found
        if isinstance(loss, Loss):
            for tensor in (loss.total, loss.count):
                if tensor.ndim:
                    raise ConfigurationError(
                        f"{type(task).__name__}.{step.__name__} returns a loss of shape "
                        f"{tuple(tensor.shape)}, not a scalar: sum it over the examples"
                    )
            task.weighting.count = loss.count.detach()
        return found

    counting.is_wrapped = True  # type: ignore[attr-defined]
    return cast(Method, counting)


@torch.no_grad()
def scale_gradients(optimizers: Iterable[Optimizer], factor: Tensor) -> None:
    """Multiply the gradients of all optimized parameters by a factor, a scalar.

    The parameters are read from the optimizers: a sharded model holds gathered ones here.
    """
    groups = [group["params"] for optimizer in optimizers for group in optimizer.param_groups]
    gradients = [p.grad for params in groups for p in params if p.grad is not None]
    if gradients:
        torch._foreach_mul_(gradients, factor)
