"""Magnitude pruning."""

from typing import Annotated

import torch
from pydantic import Field
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor, nn
from torch.optim import Optimizer

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.models.adapters import has_adapter
from lightning_transformers.models.backbone import model_of
from lightning_transformers.models.layers import transformer_layers
from lightning_transformers.models.sharding import refuse_strategies


class MagnitudePruning(Callback):
    """Set the smallest weights of the layers to zero before the first step, and keep them zero.

    Global magnitude pruning of the matrices of all layers (Han et al., "Learning both Weights and
    Connections for Efficient Neural Networks", 2015), without embeddings, norms, biases and head.
    Every checkpoint contains the pruned weights under the usual names.

    Lightning's `ModelPruning` prunes only after the validation that selects the best checkpoint,
    and renames the parameters.

    Args:
        amount: fraction of the weights to set to zero, in (0, 1).
    """

    def __init__(self, amount: Annotated[float, Field(gt=0, lt=1)] = 0.5) -> None:
        self.amount = amount
        self.kept: list[tuple[nn.Parameter, Tensor]] = []

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Check the strategy and the model.

        Half of an adapter's weights are zero initially, and would remain zero.

        Raises:
            ConfigurationError: for a strategy that shards the weights, or a model with an adapter.
        """
        refuse_strategies(trainer, "callbacks=pruning")
        if has_adapter(model_of(pl_module)):
            raise ConfigurationError(
                "callbacks=pruning does not work with an adapter, whose initial weights are zero: "
                "set peft=none or remove callbacks=pruning"
            )

    @torch.no_grad()
    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Prune; in a resumed run the smallest weights are the zeros of the checkpoint."""
        layers = transformer_layers(model_of(pl_module))
        matrices = {p: None for layer in layers for p in layer.parameters() if p.ndim >= 2}
        magnitudes = torch.cat([p.abs().flatten() for p in matrices])
        threshold = magnitudes.kthvalue(round(self.amount * len(magnitudes))).values
        self.kept = [(p, p.abs() > threshold) for p in matrices]
        for parameter, kept in self.kept:
            parameter.mul_(kept)

    def on_before_optimizer_step(
        self, trainer: Trainer, pl_module: LightningModule, optimizer: Optimizer
    ) -> None:
        """Zero the gradients of pruned weights, so that the optimizer never moves them."""
        for parameter, kept in self.kept:
            if parameter.grad is not None:
                parameter.grad.mul_(kept)
