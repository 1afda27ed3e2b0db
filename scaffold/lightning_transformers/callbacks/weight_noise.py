"""Gaussian noise on the weights while the gradient is taken."""

from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor

from lightning_transformers.core import TaskTransformer


class WeightNoise(Callback):
    """Take each gradient at weights with Gaussian noise added, and apply it to the clean ones.

    A regulariser that favours flat minima (Graves, "Practical Variational Inference for Neural
    Networks", 2011). The noise is added before the forward and taken off after the backward:
    between the two, autograd refuses a changed weight. It is the same on every rank and after a
    resume.

    Args:
        std: standard deviation of the noise, in units of the weights.
    """

    def __init__(self, std: float) -> None:
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
        """Take the noise off before the optimizer steps."""
        self.remove_noise()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Take the noise off after a step that returned no loss, and so had no backward."""
        self.remove_noise()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take the noise off after a hook that skipped the rest of the epoch."""
        self.remove_noise()

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Take the noise off before the emergency checkpoint."""
        self.remove_noise()

    @torch.no_grad()
    def remove_noise(self) -> None:
        """Put the clean weights back."""
        for weight, clean in self.clean:
            weight.copy_(clean)
        self.clean.clear()
