"""Exponential moving average of the weights."""

from typing import Annotated, Any

import torch
from pydantic import Field
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.trainer.states import TrainerFn
from torch import Tensor

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.base.types import Checkpoint
from lightning_transformers.models.sharding import refuse_strategies
from lightning_transformers.training.checkpoint_io import TRAINING_WEIGHTS


class EMAWeights(Callback):
    """Keep an exponential moving average of the trainable weights, and evaluate and save it.

    After each optimizer step, average = decay · average + (1 - decay) · weights, starting from the
    weights before the first step (Polyak & Juditsky, "Acceleration of Stochastic Approximation by
    Averaging", 1992). Validation uses the average, checkpoints contain it as the model's weights
    along with the training weights, and the model has it after the fit. A checkpoint with
    `save_weights_only` contains the training weights.

    Unlike Lightning's `EMAWeightAveraging`, it keeps the average on the device of the weights, and
    copies neither frozen weights nor the module.

    Args:
        decay: decay per step, in (0, 1); the average spans about 1 / (1 - decay) steps.

    Raises:
        ConfigurationError: for a decay outside (0, 1).
    """

    def __init__(self, decay: Annotated[float, Field(gt=0, lt=1)] = 0.999) -> None:
        if not 0 < decay < 1:
            raise ConfigurationError(
                f"the decay {decay} of EMAWeights is not between 0 and 1: set task.ema_decay or "
                "callbacks.ema_weights.decay, such as 0.999"
            )
        self.decay = decay
        self.step = 0
        self.average: dict[str, Tensor] = {}
        self.training_weights: dict[str, Tensor] = {}
        self.resumed: Checkpoint | None = None

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Raise ConfigurationError for a strategy that shards the weights."""
        refuse_strategies(trainer, "the callback or recipe ema_weights")

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the average from the weights.

        In a resumed run, it continues with the average of the checkpoint, and the model gets the
        training weights.
        """
        self.step = trainer.global_step
        weights = {name: p for name, p in pl_module.named_parameters() if p.requires_grad}
        source = weights if self.resumed is None else self.resumed["state_dict"]
        self.average = {
            # In bfloat16, rounding would lose the contribution of a step.
            name: source[name].detach().to(p.device, torch.float32, copy=True)
            for name, p in weights.items()
        }
        if self.resumed is not None:
            copy_into(pl_module, self.resumed[TRAINING_WEIGHTS])
            self.resumed = None

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Update the average after an optimizer step."""
        if trainer.global_step != self.step:
            self.step = trainer.global_step
            weights = [w.detach().float() for w in self._weights(pl_module).values()]
            torch._foreach_lerp_(list(self.average.values()), weights, 1 - self.decay)

    def on_validation_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Keep the training weights aside, and copy the average into the model."""
        weights = self._weights(pl_module)
        self.training_weights = {name: weight.detach().clone() for name, weight in weights.items()}
        copy_into(pl_module, self.average)

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Copy the training weights back into the model."""
        self.restore_weights(pl_module)

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Restore the training weights before the emergency checkpoint."""
        self.restore_weights(pl_module)

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Copy the average into the model, after the last checkpoint."""
        copy_into(pl_module, self.average)
        self.average = {}

    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: Checkpoint
    ) -> None:
        """Save the average as the model's weights, and the training weights for a resume."""
        weights = self._weights(pl_module)
        if not weights:
            return
        checkpoint[TRAINING_WEIGHTS] = {name: weight.detach() for name, weight in weights.items()}
        names = {id(weight): name for name, weight in weights.items()}
        # A tied weight has several names in the state dict.
        for key, weight in pl_module.state_dict(keep_vars=True).items():
            if id(weight) in names:
                checkpoint["state_dict"][key] = self.average[names[id(weight)]]

    def on_load_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: Checkpoint
    ) -> None:
        """Resume the average of a checkpoint that has one; any other starts a new average."""
        if trainer.state.fn == TrainerFn.FITTING and TRAINING_WEIGHTS in checkpoint:
            self.resumed = checkpoint

    def restore_weights(self, pl_module: LightningModule) -> None:
        """Restore the training weights if the average is swapped in."""
        copy_into(pl_module, self.training_weights)
        self.training_weights = {}

    def _weights(self, pl_module: LightningModule) -> dict[str, Tensor]:
        weights: dict[str, Tensor] = dict(pl_module.named_parameters())
        return {name: weights[name] for name in self.average}


@torch.no_grad()
def copy_into(pl_module: LightningModule, weights: dict[str, Tensor]) -> None:
    """Copy values into parameters.

    Args:
        pl_module: the module.
        weights: values by parameter name, each of its parameter's shape `(…,)`.
    """
    parameters = dict(pl_module.named_parameters())
    for name, weight in weights.items():
        parameters[name].copy_(weight)
