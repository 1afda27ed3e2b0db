"""Weights that are set to zero for good."""

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor, nn
from torch.optim import Optimizer

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.models.adapters import has_adapter
from lightning_transformers.models.backbone import model_of
from lightning_transformers.models.layers import transformer_layers
from lightning_transformers.models.sharding import refuse_strategies


class MagnitudePruning(Callback):
    """Set the smallest weights of the layers to zero, and train the others.

    The matrices of all layers are compared together (Han et al., "Learning both Weights and
    Connections for Efficient Neural Networks", 2015); embeddings, norms, biases and the head stay
    whole. It happens before the first step, and no step brings a weight back: every checkpoint is
    of the pruned model, under the usual names.

    Lightning's `ModelPruning` prunes after the validation that chooses the best checkpoint, and
    renames the parameters.

    Args:
        amount: share of the weights that become zero.
    """

    def __init__(self, amount: float = 0.5) -> None:
        if not 0 < amount < 1:
            raise ConfigurationError(
                f"callbacks.pruning.amount={amount} is no share: above 0 and below 1"
            )
        self.amount = amount
        self.kept: list[tuple[nn.Parameter, Tensor]] = []

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Refuse a strategy that leaves no process the weights to compare, and an adapter.

        Half of an adapter is zero at its start, and would stay so.
        """
        refuse_strategies(trainer, "callbacks=pruning")
        if has_adapter(model_of(pl_module)):
            raise ConfigurationError(
                "callbacks=pruning does not work with an adapter, whose weights begin at zero: "
                "leave one of them out, such as peft=none"
            )

    @torch.no_grad()
    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Prune; in a resumed run the smallest weights are those that are zero already."""
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
        """Drop the gradients of what is zero: no optimizer moves a zero that has never had one."""
        for parameter, kept in self.kept:
            if parameter.grad is not None:
                parameter.grad.mul_(kept)
