"""The part of a task that builds its optimizer and schedule."""

from typing import Any

from pytorch_lightning import LightningModule
from pytorch_lightning.utilities.types import OptimizerLRScheduler
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from transformers import PreTrainedModel

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.base.instantiation import instantiate
from lightning_transformers.base.types import Settings
from lightning_transformers.core.keys.freezing import Freezing
from lightning_transformers.models.adapters import has_adapter
from lightning_transformers.models.backbone import Backbone
from lightning_transformers.models.freezing import FROZEN_BACKBONE, all_frozen_message
from lightning_transformers.models.layers import ParameterGroup, decay_groups
from lightning_transformers.training.metric_modes import AUTO, mode_of
from lightning_transformers.training.schedules import (
    ReduceOnPlateau,
    schedule_arguments,
    training_steps,
)

FUSED = {"torch.optim.Adam", "torch.optim.AdamW"}
"""Optimizers with a fused implementation, which takes a third of the time of the default."""
OTHER_KINDS = ("foreach", "capturable", "differentiable", "fused")
"""Arguments of these that choose an implementation."""


class OptimizedModule(LightningModule):
    """The methods of `TaskTransformer` from parameter groups to Lightning's optimizer config."""

    model: PreTrainedModel
    metrics: nn.ModuleDict
    backbone: Backbone
    freezing: Freezing
    optimizer_config: Settings
    scheduler_config: Settings | None
    formulas: int
    may_fuse = False
    """Whether the trainer supports a fused optimizer, see `models.sharding`."""

    def parameter_groups(self) -> list[ParameterGroup]:
        """Return the trainable parameters as one or two groups for the optimizer.

        Matrices have the optimizer's weight decay, biases and vectors (norms) have none.
        """
        return decay_groups(self.named_parameters(), decay_biases=self.formulas < 2)

    def build_optimizer(self, groups: list[ParameterGroup]) -> Optimizer:
        """Return the optimizer, built from `optimizer_config`; Adam is fused if possible.

        Args:
            groups: the result of `parameter_groups`; LBFGS gets a single group of all parameters.

        Raises:
            ConfigurationError: for LBFGS with `head_learning_rate`.
        """
        if self.optimizer_config["_target_"] == "torch.optim.LBFGS":  # supports one group only
            if self.freezing.head_learning_rate is not None:
                raise ConfigurationError(
                    "torch.optim.LBFGS has one learning rate: remove task.head_learning_rate"
                )
            groups = [{"params": [p for group in groups for p in group["params"]]}]
        config = dict(self.optimizer_config)
        chosen = any(config.get(name) is not None for name in OTHER_KINDS)
        if self.may_fuse and self.formulas >= 4 and config["_target_"] in FUSED and not chosen:
            config["fused"] = True
        optimizer: Optimizer = instantiate("optimizer", config, groups)
        return optimizer

    def build_scheduler(self, optimizer: Optimizer) -> LRScheduler | None:
        """Return the schedule, which steps after the optimizer, or None for a constant rate."""
        if not self.scheduler_config:
            return None
        given = self.scheduler_config
        config = dict(schedule_arguments(given, self.num_training_steps, self.formulas))
        if config.get("mode") == AUTO:
            metrics: Any = self.metrics["val"]
            config["mode"] = mode_of(config["monitor"], "scheduler", metrics.by_logged_name())
        scheduler: LRScheduler = instantiate("scheduler", config, optimizer)
        return scheduler

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Return Lightning's optimizer config.

        Raises:
            ConfigurationError: if nothing trains, or the backbone is quantized and not frozen.
        """
        frozen = has_adapter(self.model) or getattr(self.model, FROZEN_BACKBONE, False)
        if self.backbone.quantization and not frozen:
            raise ConfigurationError(
                f"backbone.quantization={self.backbone.quantization} rounds the weights, which "
                "cannot be trained then: set peft=qlora, or task.freeze=backbone"
            )
        groups = self.freezing.with_head_rate(self.parameter_groups(), self.model)
        if not groups:
            raise ConfigurationError(all_frozen_message(self.model))
        optimizer = self.build_optimizer(groups)
        scheduler = self.build_scheduler(optimizer)
        if scheduler is None:
            return optimizer
        options: Any = {"scheduler": scheduler, "interval": "step"}
        if isinstance(scheduler, ReduceOnPlateau):
            options |= {"interval": "epoch", "monitor": scheduler.monitor, "strict": False}
            options["frequency"] = self.trainer.check_val_every_n_epoch or 1
        return {"optimizer": optimizer, "lr_scheduler": options}

    def num_training_steps(self) -> int:
        """Return the number of optimizer steps of the fit, see `training_steps`."""
        return training_steps(self.trainer)
