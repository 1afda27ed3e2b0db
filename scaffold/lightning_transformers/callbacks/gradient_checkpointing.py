"""Less memory for activations, at the price of more computation."""

from pytorch_lightning import Callback, LightningModule, Trainer

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.models.backbone import model_of


class GradientCheckpointing(Callback):
    """Keep the inputs of a layer only, and compute the layer again in the backward.

    Chen et al., "Training Deep Nets with Sublinear Memory Cost", 2016. The gradients are the same;
    a step takes about a third longer.

    Args:
        every_n_layers: do it in every so manieth layer; 1 saves most.
        offload: hold the inputs in the memory of the host.
    """

    def __init__(self, every_n_layers: int = 1, offload: bool = False) -> None:
        self.every_n_layers = every_n_layers
        self.offload = offload

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Switch it on in the model.

        Raises:
            ConfigurationError: for a model that cannot do it.
        """
        model = model_of(pl_module)
        if not model.supports_gradient_checkpointing:
            raise ConfigurationError(
                f"{type(model).__name__} has no gradient checkpointing: leave out "
                "callbacks=gradient_checkpointing"
            )
        model.activation_checkpointing_enable(
            every_n_layers=self.every_n_layers, offload=self.offload
        )
