"""Gaussian noise on the weights in forward and backward."""

from typing import Annotated, Any

import torch
from pydantic import Field
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor

from lightning_transformers.core import TaskTransformer


class WeightNoise(Callback):
    """Compute each gradient at weights with Gaussian noise, and apply it to the clean weights.

    A regularizer (Graves, "Practical Variational Inference for Neural Networks", 2011). The noise
    is added before the forward and removed after the backward pass, since autograd rejects weights
    that change in between. It is equal on all ranks and after a resume.

    Args:
        std: standard deviation of the noise, in units of the weights.
    """

    def __init__(self, std: Annotated[float, Field(ge=0)]) -> None:
        self.std = std
        self.clean: list[tuple[Tensor, Tensor]] = []

    @torch.no_grad()
    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Add the noise to the trainable weights."""
        assert isinstance(pl_module, TaskTransformer)
        generator = pl_module.generator("weight_noise")
        for weight in pl_module.parameters():
            if weight.requires_grad:
                self.clean.append((weight, weight.detach().clone()))
                noise = torch.empty_like(weight).normal_(generator=generator)
                weight.add_(noise, alpha=self.std)

    def on_after_backward(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Remove the noise before the optimizer steps."""
        self.remove_noise()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Remove the noise after a step without a loss, which has no backward pass."""
        self.remove_noise()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Remove the noise if another `on_train_batch_start` returned -1: no backward followed."""
        self.remove_noise()

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Remove the noise before the emergency checkpoint."""
        self.remove_noise()

    @torch.no_grad()
    def remove_noise(self) -> None:
        """Restore the clean weights."""
        for weight, clean in self.clean:
            weight.copy_(clean)
        self.clean.clear()
