"""Trade computation for activation memory."""

from pydantic import PositiveInt
from pytorch_lightning import Callback, LightningModule, Trainer

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.models.backbone import model_of


class GradientCheckpointing(Callback):
    """Keep only the inputs of a layer, and recompute its activations in the backward pass.

    Chen et al., "Training Deep Nets with Sublinear Memory Cost", 2016. The gradients do not change;
    a step takes about a third longer.

    Args:
        every_n_layers: checkpoint every n-th layer; 1 saves the most memory.
        offload: keep the inputs in host memory.
    """

    def __init__(self, every_n_layers: PositiveInt = 1, offload: bool = False) -> None:
        self.every_n_layers = every_n_layers
        self.offload = offload

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Enable gradient checkpointing in the model.

        Raises:
            ConfigurationError: for a model that does not support it.
        """
        model = model_of(pl_module)
        if not model.supports_gradient_checkpointing:
            raise ConfigurationError(
                f"{type(model).__name__} does not support gradient checkpointing: remove "
                "callbacks=gradient_checkpointing"
            )
        model.activation_checkpointing_enable(
            every_n_layers=self.every_n_layers, offload=self.offload
        )
