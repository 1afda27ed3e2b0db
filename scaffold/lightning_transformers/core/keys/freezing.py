"""The keys `freeze`, `freeze_epochs` and `head_learning_rate`, which every task has."""

from typing import Annotated, Literal

from pydantic import Field, PositiveInt
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.strategies import DeepSpeedStrategy, FSDPStrategy
from torch import nn
from torch.optim import Optimizer
from transformers import PreTrainedModel

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.base.hyperparameters import set_validated
from lightning_transformers.models.backbone import model_of
from lightning_transformers.models.freezing import (
    FROZEN_BACKBONE,
    embedding_parameters,
    freeze_backbone,
    head_parameters,
    separate_backbone,
    set_backbone_mode,
)
from lightning_transformers.models.layers import ParameterGroup
from lightning_transformers.models.sharding import refuse_strategies

Part = Literal["backbone", "embeddings"]
"""The part of a model that `freeze` names."""
LearningRate = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Freezing:
    """The values of the three keys of a task.

    Args:
        values: `freeze`, `freeze_epochs` and `head_learning_rate`.

    Raises:
        ConfigurationError: for an invalid value, or `freeze_epochs` without `freeze`.
    """

    freeze: Part | None = None
    """The part to train without changing it; embeddings include an output layer tied to them."""
    freeze_epochs: PositiveInt | None = None
    """Epochs until it is trained as well; None: never."""
    head_learning_rate: LearningRate | None = None
    """Learning rate of the head; None: that of the optimizer."""

    def __init__(self, **values: object) -> None:
        set_validated(self, Freezing, values, owner="task")
        if self.freeze_epochs and self.freeze is None:
            raise ConfigurationError(
                f"task.freeze_epochs={self.freeze_epochs} has no effect without task.freeze: set "
                "task.freeze=backbone or task.freeze=embeddings"
            )

    def apply(self, model: PreTrainedModel) -> None:
        """Freeze a part of a model, or with `freeze_epochs` prepare it: a tied head gets a copy.

        Args:
            model: the model, changed in place.

        Raises:
            ConfigurationError: if `build_model` has frozen the backbone, or the model has no head
                or no input embeddings.
        """
        if self.freeze == "backbone" and getattr(model, FROZEN_BACKBONE, False):
            raise ConfigurationError(
                "task.freeze=backbone and the recipe freeze_backbone (in build_model) do the same: "
                "remove one of them"
            )
        if self.freeze is None:
            return
        if self.freeze_epochs is None and self.freeze == "backbone":
            freeze_backbone(model, tied="untie")
            return
        for parameter in self.parameters(model):
            parameter.requires_grad = parameter.requires_grad and self.freeze_epochs is not None

    def parameters(self, model: PreTrainedModel) -> list[nn.Parameter]:
        """Return the parameters of the part that `freeze` names, untied from the head's."""
        if self.freeze == "embeddings":
            return embedding_parameters(model)
        return separate_backbone(model, tied="untie")

    def with_head_rate(
        self, groups: list[ParameterGroup], model: PreTrainedModel
    ) -> list[ParameterGroup]:
        """Split parameter groups so that those of the head have `head_learning_rate`.

        Args:
            groups: the result of `TaskTransformer.parameter_groups`.
            model: the model of the parameters.

        Raises:
            ConfigurationError: if groups have rates of their own, or the head has no parameter.
        """
        rate = self.head_learning_rate
        if rate is None:
            return groups
        key = f"task.head_learning_rate={rate}"
        if any("lr" in group for group in groups):
            raise ConfigurationError(
                f"{key} and the recipe layerwise_lr_decay (in parameter_groups) both set the "
                "learning rate of the head: remove one of them"
            )
        head = {id(parameter) for parameter in head_parameters(model)}
        split: list[ParameterGroup] = []
        for group in groups:
            of_head = [p for p in group["params"] if id(p) in head]
            others = [p for p in group["params"] if id(p) not in head]
            split += [{**group, "params": others}] if others else []
            split += [{**group, "params": of_head, "lr": rate}] if of_head else []
        if not any("lr" in group for group in split):
            raise ConfigurationError(
                f"{key}: the head of {type(model).__name__} has no trainable parameter of its own, "
                "such as with tied embeddings: remove the key"
            )
        return split


class FrozenStart(Callback):
    """Lets no optimizer step change the part that `task.freeze` names, for `task.freeze_epochs`.

    It has gradients, which are dropped before each step, as in `GradualUnfreezing`. The parameter
    groups and the communication between ranks therefore never change, and everything follows from
    the epoch: a run resumes exactly before, at and after the change.
    """

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Reject a strategy that manages gradients itself."""
        refuse_strategies(trainer, "task.freeze_epochs", (DeepSpeedStrategy, FSDPStrategy))

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Collect the parameters; switch off the dropout of a frozen backbone."""
        self.freezing: Freezing = pl_module.freezing  # type: ignore[assignment]
        self.frozen = self.freezing.parameters(model_of(pl_module))
        if self.is_frozen(trainer):
            self.set_mode(pl_module, training=False)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Switch the dropout on in the first epoch that trains the whole model."""
        if trainer.current_epoch == self.freezing.freeze_epochs:
            self.set_mode(pl_module, training=True)

    def on_before_optimizer_step(
        self, trainer: Trainer, pl_module: LightningModule, optimizer: Optimizer
    ) -> None:
        """Set the gradients of the frozen parameters to None."""
        if self.is_frozen(trainer):
            for parameter in self.frozen:
                parameter.grad = None

    def is_frozen(self, trainer: Trainer) -> bool:
        """Return whether the part is frozen in the current epoch."""
        return trainer.current_epoch < (self.freezing.freeze_epochs or 0)

    def set_mode(self, pl_module: LightningModule, training: bool) -> None:
        """Switch the dropout of the backbone, if that is the part."""
        if self.freezing.freeze == "backbone":
            set_backbone_mode(model_of(pl_module), training)


def refuse_second_freeze(task: LightningModule, part: Part, name: str) -> None:
    """Check that the key `freeze` of a task does not do what a callback or recipe does.

    Args:
        task: the task; a module without the key passes.
        part: the value of the key.
        name: the callback or recipe.

    Raises:
        ConfigurationError: if the key has that value.
    """
    if getattr(getattr(task, "freezing", None), "freeze", None) == part:
        raise ConfigurationError(
            f"task.freeze={part} and the callback or recipe {name} both freeze the {part}: remove "
            "one of them"
        )
