"""Layers that start to train one after the other, from the head downwards."""

from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.strategies import DeepSpeedStrategy, FSDPStrategy
from torch import nn
from torch.optim import Optimizer

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.models.backbone import model_of
from lightning_transformers.models.layers import parameters_by_depth
from lightning_transformers.models.sharding import refuse_strategies


class GradualUnfreezing(Callback):
    """Train the head alone at first, and one more layer each epoch or every so many steps.

    Howard & Ruder, "Universal Language Model Fine-tuning for Text Classification", 2018. The
    units are the head with whatever follows the last layer, then the layers from the last to the
    first, and last what precedes them, the embeddings; see `units_from_the_head`.

    What is locked has gradients, which are dropped before the optimizer steps: it gets no update,
    no weight decay and no optimizer state. So the optimizer's groups and what the processes
    exchange stay the same throughout, and a resumed run goes on where it was; a step takes the
    time and memory of training everything.

    Args:
        every_n_epochs: epochs between one unit and the next.
        every_n_steps: optimizer steps between them, in place of epochs.
    """

    def __init__(self, every_n_epochs: int = 1, every_n_steps: int | None = None) -> None:
        key, value = "every_n_epochs", every_n_epochs
        if every_n_steps is not None:
            key, value = "every_n_steps", every_n_steps
        if value < 1:
            raise ConfigurationError(
                f"callbacks.gradual_unfreezing.{key}={value}: a unit takes at least 1"
            )
        self.every_n_epochs = every_n_epochs
        self.every_n_steps = every_n_steps
        self.units: list[list[nn.Parameter]] = []

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Refuse a strategy that keeps gradients of its own."""
        strategies = (DeepSpeedStrategy, FSDPStrategy)
        refuse_strategies(trainer, "callbacks=gradual_unfreezing", strategies)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Find the units, once the strategy has put the parameters where they stay."""
        self.units = units_from_the_head(model_of(pl_module))

    def on_before_optimizer_step(
        self, trainer: Trainer, pl_module: LightningModule, optimizer: Optimizer
    ) -> None:
        """Drop the gradients of the units whose time has not come."""
        for unit in self.units[self.unlocked(trainer) :]:
            for parameter in unit:
                parameter.grad = None

    def unlocked(self, trainer: Trainer) -> int:
        """Return how many units train by now."""
        if self.every_n_steps is not None:
            return 1 + trainer.global_step // self.every_n_steps
        return 1 + trainer.current_epoch // self.every_n_epochs


def units_from_the_head(model: nn.Module) -> list[list[nn.Parameter]]:
    """Return the trainable parameters in units: the head, the layers from the last, the rest.

    See `parameters_by_depth`; a depth where nothing trains is no unit.

    Raises:
        ConfigurationError: if the model has no layers.
    """
    depths = parameters_by_depth(model)
    units = [[p for p in parameters if p.requires_grad] for parameters in depths]
    return [unit for unit in units if unit]
