"""Changes of the gradients before the optimizer sees them."""

from collections.abc import Iterable

import torch
from torch import nn


@torch.no_grad()
def add_gradient_noise(
    parameters: Iterable[nn.Parameter], variance: float, generator: torch.Generator
) -> None:
    """Add Gaussian noise to the gradients; parameters without one are left alone.

    It helps very deep networks out of poor starting points (Neelakantan et al., "Adding Gradient
    Noise Improves Learning for Very Deep Networks", 2015).

    Args:
        parameters: those of the model.
        variance: of the noise.
        generator: `self.generator(purpose)`: the same on all ranks and after a resume.
    """
    for parameter in parameters:
        if parameter.grad is not None:
            noise = torch.empty_like(parameter.grad).normal_(generator=generator)
            parameter.grad.add_(noise, alpha=variance**0.5)
