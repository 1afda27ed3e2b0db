"""The Lion optimizer."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer


class Lion(Optimizer):
    """Lion: update by the sign of the momentum, with one state per weight instead of Adam's two.

    Chen et al., "Symbolic Discovery of Optimization Algorithms", 2023. Every weight moves by the
    learning rate; use a third to a tenth of AdamW's learning rate, and a weight decay larger by
    the same factor.

    Args:
        params: parameters or parameter groups.
        lr: learning rate.
        betas: weight of the momentum in the update, and its decay.
        weight_decay: decoupled weight decay, multiplied by the learning rate.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-5,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Update the parameters that have a gradient; return the loss of the closure, if given."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self.update(parameter, group)
        return loss

    def update(self, parameter: Tensor, group: dict[str, Any]) -> None:
        """Update one parameter and its momentum, both of the same shape `(…,)`."""
        state, gradient, (step, keep) = self.state[parameter], parameter.grad, group["betas"]
        assert gradient is not None
        momentum = state.setdefault("momentum", torch.zeros_like(parameter))
        parameter.mul_(1 - group["lr"] * group["weight_decay"])
        parameter.sub_(momentum.lerp(gradient, 1 - step).sign_(), alpha=group["lr"])
        momentum.lerp_(gradient, 1 - keep)
