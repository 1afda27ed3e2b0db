"""Gaussian noise on the gradients."""

from collections.abc import Iterable

import torch
from torch import nn


@torch.no_grad()
def add_gradient_noise(
    parameters: Iterable[nn.Parameter], variance: float, generator: torch.Generator
) -> None:
    """Add Gaussian noise to the gradients of parameters that have one.

    Neelakantan et al., "Adding Gradient Noise Improves Learning for Very Deep Networks", 2015.

    Args:
        parameters: the parameters of the model.
        variance: variance of the noise.
        generator: `self.generator(purpose)`, which is equal on all ranks and after a resume.
    """
    for parameter in parameters:
        if parameter.grad is not None:
            noise = torch.empty_like(parameter.grad).normal_(generator=generator)
            parameter.grad.add_(noise, alpha=variance**0.5)
