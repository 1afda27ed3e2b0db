"""Unfreeze the layers one after the other, from the head to the embeddings."""

from pydantic import PositiveInt
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.strategies import DeepSpeedStrategy, FSDPStrategy
from torch import nn
from torch.optim import Optimizer

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.core.keys.freezing import refuse_second_freeze
from lightning_transformers.models.backbone import model_of
from lightning_transformers.models.layers import parameters_by_depth
from lightning_transformers.models.sharding import refuse_strategies


class GradualUnfreezing(Callback):
    """Train only the head at first, and unfreeze one more layer every n epochs or steps.

    Howard & Ruder, "Universal Language Model Fine-tuning for Text Classification", 2018. See
    `units_from_the_head` for the order.

    Frozen parameters have gradients, which are dropped before the optimizer steps: no update, no
    weight decay, no optimizer state. The parameter groups and the communication between ranks
    therefore never change, and a run can resume; a step costs as much as full training.

    Args:
        every_n_epochs: epochs between unfreezing two units.
        every_n_steps: optimizer steps between unfreezing two units, instead of epochs.

    Raises:
        ConfigurationError: for a number below 1.
    """

    def __init__(
        self, every_n_epochs: PositiveInt = 1, every_n_steps: PositiveInt | None = None
    ) -> None:
        key, value = "every_n_epochs", every_n_epochs
        if every_n_steps is not None:
            key, value = "every_n_steps", every_n_steps
        if value < 1:
            raise ConfigurationError(
                f"callbacks.gradual_unfreezing.{key}={value} is invalid: set 1 or more"
            )
        self.every_n_epochs = every_n_epochs
        self.every_n_steps = every_n_steps
        self.units: list[list[nn.Parameter]] = []

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Reject a strategy that manages gradients itself, and a frozen backbone.

        Raises:
            ConfigurationError: for such a strategy, or with `task.freeze=backbone`.
        """
        refuse_second_freeze(pl_module, "backbone", "gradual_unfreezing")
        strategies = (DeepSpeedStrategy, FSDPStrategy)
        refuse_strategies(trainer, "the callback or recipe gradual_unfreezing", strategies)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Collect the units after the strategy has set up the parameters."""
        self.units = units_from_the_head(model_of(pl_module))

    def on_before_optimizer_step(
        self, trainer: Trainer, pl_module: LightningModule, optimizer: Optimizer
    ) -> None:
        """Set the gradients of the units that do not train yet to None."""
        for unit in self.units[self.unlocked(trainer) :]:
            for parameter in unit:
                parameter.grad = None

    def unlocked(self, trainer: Trainer) -> int:
        """Return the number of units that train now, from the first; it may exceed all units."""
        if self.every_n_steps is not None:
            return 1 + trainer.global_step // self.every_n_steps
        return 1 + trainer.current_epoch // self.every_n_epochs


def units_from_the_head(model: nn.Module) -> list[list[nn.Parameter]]:
    """Return the trainable parameters in the order of unfreezing.

    The first unit is the head with all that follows the last layer, then come the layers from last
    to first, and finally the embeddings; see `parameters_by_depth`. Units without trainable
    parameters are omitted; a model without layers is a ConfigurationError.
    """
    depths = parameters_by_depth(model)
    units = [[p for p in parameters if p.requires_grad] for parameters in depths]
    return [unit for unit in units if unit]
