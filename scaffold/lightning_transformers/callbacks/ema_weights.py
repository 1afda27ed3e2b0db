"""An average of the weights over the steps of the training."""

from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.trainer.states import TrainerFn
from torch import Tensor

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.base.types import Checkpoint
from lightning_transformers.models.sharding import refuse_strategies

TRAINING_WEIGHTS = "training_weights"


class EMAWeights(Callback):
    """Keep an exponential moving average of the weights that train, and use it for all but that.

    After each optimizer step, average = decay · average + (1 - decay) · weights; it starts from
    the weights before the first step (Polyak & Juditsky, "Acceleration of Stochastic
    Approximation by Averaging", 1992). Validation sees the average, a checkpoint has it for its
    weights, with those of the training beside it, and the model has it after the fit. A
    checkpoint with `save_weights_only` has the weights of the training instead.

    Lightning's `EMAWeightAveraging` keeps the average on the CPU unless told the device, and
    copies the frozen weights, too, and the whole module with them.

    Args:
        decay: share of the average that a step keeps; its memory is 1 / (1 - decay) steps.
    """

    def __init__(self, decay: float = 0.999) -> None:
        if not 0 <= decay < 1:
            raise ConfigurationError(
                f"callbacks.ema_weights.decay={decay} is no share: at least 0 and below 1"
            )
        self.decay = decay
        self.step = 0
        self.average: dict[str, Tensor] = {}
        self.set_aside: dict[str, Tensor] = {}
        self.resumed: Checkpoint | None = None

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Refuse a strategy that leaves the weights whole on no process."""
        refuse_strategies(trainer, "callbacks=ema_weights")

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the average from the weights, or from where the resumed run left it."""
        self.step = trainer.global_step
        weights = {name: p for name, p in pl_module.named_parameters() if p.requires_grad}
        source = weights if self.resumed is None else self.resumed["state_dict"]
        self.average = {
            # In bfloat16 a step's share of the average would be lost to rounding.
            name: source[name].detach().to(p.device, torch.float32, copy=True)
            for name, p in weights.items()
        }
        if self.resumed is not None:
            copy_into(pl_module, self.resumed[TRAINING_WEIGHTS])
            self.resumed = None

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Move the average towards the weights, if the optimizer has stepped."""
        if trainer.global_step != self.step:
            self.step = trainer.global_step
            weights = [w.detach().float() for w in self._weights(pl_module).values()]
            torch._foreach_lerp_(list(self.average.values()), weights, 1 - self.decay)

    def on_validation_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Put the average in place of the weights."""
        weights = self._weights(pl_module)
        self.set_aside = {name: weight.detach().clone() for name, weight in weights.items()}
        copy_into(pl_module, self.average)

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Put the weights back."""
        self.restore_weights(pl_module)

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Put the weights back before the emergency checkpoint."""
        self.restore_weights(pl_module)

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Leave the average in the model, now that the last checkpoint is written."""
        copy_into(pl_module, self.average)
        self.average = {}

    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: Checkpoint
    ) -> None:
        """Save the average as the model's weights, and those of the training for a resume."""
        weights = self._weights(pl_module)
        if not weights:
            return
        checkpoint[TRAINING_WEIGHTS] = {name: weight.detach() for name, weight in weights.items()}
        names = {id(weight): name for name, weight in weights.items()}
        # A tied weight has several names in a state dict.
        for key, weight in pl_module.state_dict(keep_vars=True).items():
            if id(weight) in names:
                checkpoint["state_dict"][key] = self.average[names[id(weight)]]

    def on_load_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: Checkpoint
    ) -> None:
        """Take up the average of the run that is resumed; another's weights start a new one."""
        if trainer.state.fn == TrainerFn.FITTING and TRAINING_WEIGHTS in checkpoint:
            self.resumed = checkpoint

    def restore_weights(self, pl_module: LightningModule) -> None:
        """Put the weights of the training back, if the average is in their place."""
        copy_into(pl_module, self.set_aside)
        self.set_aside = {}

    def _weights(self, pl_module: LightningModule) -> dict[str, Tensor]:
        weights: dict[str, Tensor] = dict(pl_module.named_parameters())
        return {name: weights[name] for name in self.average}


@torch.no_grad()
def copy_into(pl_module: LightningModule, weights: dict[str, Tensor]) -> None:
    """Give the parameters of these names these values."""
    parameters = dict(pl_module.named_parameters())
    for name, weight in weights.items():
        parameters[name].copy_(weight)
