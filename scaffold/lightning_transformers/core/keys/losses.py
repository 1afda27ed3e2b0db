"""The keys `class_weights`, `label_smoothing` and `focal_gamma`, which change the training loss."""

import logging
from collections.abc import Collection, Mapping, Sequence
from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor
from transformers import PreTrainedModel
from transformers.utils.generic import ModelOutput

from lightning_transformers.base.errors import ConfigurationError, did_you_mean, joined
from lightning_transformers.base.hyperparameters import set_validated
from lightning_transformers.base.types import Batch, Loss
from lightning_transformers.data.labels import class_names
from lightning_transformers.training.loss import class_loss, smoothing_term

log = logging.getLogger(__name__)

Weight = Annotated[float, Field(ge=0)]
Gamma = Annotated[float, Field(ge=0)]
ClassWeights = Literal["balanced"] | list[Weight] | dict[str | int, Weight]
"""Weights of the classes, also by their names."""
Smoothing = Annotated[float, Field(ge=0, lt=1)]


class LossKeys:
    """The values of the three keys of a task.

    Args:
        values: `class_weights`, `label_smoothing` and `focal_gamma`.

    Raises:
        ConfigurationError: for an invalid value, or both `label_smoothing` and `focal_gamma`.
    """

    class_weights: ClassWeights | None = None
    """Weight of each class, or `balanced`: rows / (classes * rows of the class)."""
    label_smoothing: Smoothing | None = None
    """Probability moved from the label to all classes."""
    focal_gamma: Gamma | None = None
    """Exponent of the focal loss."""

    def __init__(self, **values: object) -> None:
        set_validated(self, LossKeys, values, owner="task")
        if self.label_smoothing and self.focal_gamma:
            raise ConfigurationError(
                f"task.focal_gamma={self.focal_gamma} requires hard labels, but "
                f"task.label_smoothing={self.label_smoothing} is set: remove one of them"
            )
        self.weights: Tensor | None = None
        """Weight of each class, `(classes,)`; None before `balance`, or without weights."""
        self.is_used = False
        """Whether a training loss has been computed with the keys."""

    @property
    def given(self) -> dict[str, object]:
        """The values that are set, by key."""
        values = {name: getattr(self, name) for name in ALL_LOSS_KEYS}
        return {name: value for name, value in values.items() if value is not None}

    def check(self, task: "ConfiguredLoss", own: Collection[str]) -> None:
        """Check that the keys fit a task with its model, and prepare the weights of classes.

        Args:
            task: the task.
            own: names of keys that its class declares as hyperparameters of its own loss.

        Raises:
            ConfigurationError: for a key that does not fit.
        """
        cls = type(task).__name__
        for name, value in self.given.items():
            if changed := sorted({*own} & {*ALL_LOSS_KEYS}):
                raise ConfigurationError(
                    f"{cls} declares {changed[0]} for a loss of its own, which task.{name}={value} "
                    f"does not combine with: remove the recipe or code from the class "
                    f"(task.{changed[0]} does the same), or remove task.{name}"
                )
            if name not in task.loss_keys_taken:
                raise ConfigurationError(
                    f"task.{name}={value} requires labels that are each one of the data's classes, "
                    f"unlike those of {cls}{_problem(task)}: remove the key"
                )
        if not isinstance(self.class_weights, str | None):
            weights = weights_of(self.class_weights, class_names(task.model))
            self.weights = torch.tensor(weights, dtype=torch.float64)

    def balance(self, task: "ConfiguredLoss") -> None:
        """Set the weights of `balanced` from the training set of the task's data module.

        Raises:
            ConfigurationError: if there is no data module that counts classes.
        """
        count = getattr(task.data, "class_counts", None)
        if count is None:
            raise ConfigurationError(
                "task.class_weights=balanced requires a data module with class_counts: give a list "
                "of weights"
            )
        names, counts = class_names(task.model), torch.tensor(count())
        if absent := [name for name, n in zip(names, counts, strict=True) if not n]:
            log.warning("no training row has the class %s: its weight is 0", joined(absent))
        weights = counts.sum() / (len(counts) * counts.double())
        self.weights = weights.where(counts > 0, 0)
        shown = (f"{name} {w:.4g}" for name, w in zip(names, self.weights.tolist(), strict=True))
        log.info("task.class_weights=balanced: %s", ", ".join(shown))

    def change(self, task: Any, loss: Loss, outputs: ModelOutput, batch: Batch) -> Loss:
        """Return the loss of a training batch with the keys applied.

        Args:
            task: the task.
            loss: the loss without them.
            outputs: the outputs of `forward`, `(batch, …)`.
            batch: inputs and labels, `(batch, …)`.
        """
        self.is_used = True
        logits, labels = task.logits_and_labels(outputs, batch)
        smoothing = self.label_smoothing or 0.0
        if self.class_weights is None and self.focal_gamma is None:
            return loss.plus(smoothing_term(logits, labels, smoothing))
        if self.weights is not None:
            self.weights = self.weights.to(logits)
        return class_loss(logits, labels, self.weights, smoothing, self.focal_gamma or 0.0)


ALL_LOSS_KEYS = tuple(LossKeys.__annotations__)


class ConfiguredLoss(LightningModule):
    """The part of a task that applies `LossKeys`."""

    model: PreTrainedModel
    loss_keys: LossKeys
    data: Any

    @property
    def loss_keys_taken(self) -> Collection[str]:
        """The keys of `LossKeys` that fit the labels; a task with classes overrides it."""
        return ("label_smoothing",)

    def with_loss_keys(self, loss: Loss, outputs: ModelOutput, batch: Batch, stage: str) -> Loss:
        """Return a loss, in training with the keys of `LossKeys` applied.

        Args:
            loss: the loss without them.
            outputs: the outputs of `forward`, each `(batch, …)`.
            batch: inputs and labels, each `(batch, …)`.
            stage: `train`, `val` or `test`.
        """
        if stage != "train" or not self.loss_keys.given:
            return loss
        return self.loss_keys.change(self, loss, outputs, batch)


class LossKeysCallback(Callback):
    """Balances the weights of classes, keeps them in checkpoints, and refuses keys without effect.

    A resumed run has the weights of the checkpoint.
    """

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Count the classes of the training set for `balanced`."""
        assert isinstance(pl_module, ConfiguredLoss)
        self.keys = pl_module.loss_keys
        if stage == "fit" and self.keys.class_weights == "balanced":
            self.keys.balance(pl_module)

    def on_before_backward(
        self, trainer: Trainer, pl_module: LightningModule, loss: Tensor
    ) -> None:
        """Check that the loss, a scalar, was computed with the keys.

        Raises:
            ConfigurationError: if the task's class replaces the loss to which they apply.
        """
        if not self.keys.is_used:
            given = " ".join(f"task.{name}={value}" for name, value in self.keys.given.items())
            raise ConfigurationError(
                f"{given} has no effect, since {type(pl_module).__name__} computes a loss of its "
                "own: call super().compute_loss there, or remove the key"
            )

    def state_dict(self) -> dict[str, list[float]]:
        """Return the weights of the classes."""
        return {} if self.keys.weights is None else {"weights": self.keys.weights.tolist()}

    def load_state_dict(self, state_dict: Mapping[str, list[float]]) -> None:
        """Take over the weights of a checkpoint."""
        self.keys.weights = torch.tensor(state_dict["weights"], dtype=torch.float64)


def _problem(task: ConfiguredLoss) -> str:
    kind = getattr(task.model.config, "problem_type", None)
    return f" with problem_type={kind}" if kind else ""


def weights_of(given: Sequence[float] | Mapping[str | int, float], names: list[str]) -> list[float]:
    """Return the weight of each class.

    Args:
        given: the weights in the order of the classes, or by name; 1 for others.
        names: the classes.

    Raises:
        ConfigurationError: for another number of weights, or an unknown name.
    """
    if isinstance(given, Mapping):
        by_name = {str(name): weight for name, weight in given.items()}
        for name in by_name:
            if name not in names:
                raise ConfigurationError(
                    f"task.class_weights has a weight for '{name}', not one of the "
                    f"{len(names)} classes{did_you_mean(name, names)}: rename or remove it"
                )
        return [by_name.get(name, 1.0) for name in names]
    if len(given) != len(names):
        raise ConfigurationError(
            f"task.class_weights has {len(given)} weights, but there are {len(names)} classes: "
            f"give one for each of {joined(names)}, in this order"
        )
    return [*given]
