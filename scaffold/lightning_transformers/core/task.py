"""The base class of every task: a Hugging Face model in a LightningModule."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, cast

import torch
from hydra.utils import instantiate
from pytorch_lightning import Callback, LightningModule
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torchmetrics import Metric, MetricCollection
from transformers import PreTrainedModel, PreTrainedTokenizerBase
from transformers.utils.generic import ModelOutput

from lightning_transformers.core.backbone import Backbone, embedding_rows
from lightning_transformers.core.freezing import TIED_EMBEDDINGS, is_tied
from lightning_transformers.core.hyperparameters import plain, set_hyperparameters
from lightning_transformers.core.metrics import MeanLoss
from lightning_transformers.core.randomness import keyed_generator
from lightning_transformers.core.types import Batch, Loss
from lightning_transformers.errors import ConfigurationError

ADAMW = {"_target_": "torch.optim.AdamW", "lr": 5e-5, "weight_decay": 0.01}


class TaskTransformer(LightningModule):
    """A Hugging Face model with the steps of its training, each small enough to override.

    A subclass declares its hyperparameters as annotated class attributes; keyword arguments, and
    so the keys of its YAML, set them:

        class MyTransformer(LanguageModelingTransformer):
            noise_std: float = 0.1

    Args:
        backbone: the pretrained model, as a hub id or folder, or as the fields of `Backbone`.
        downstream_model_type: import path of the Auto class that adds the head; the task's own
            by default.
        optimizer: `_target_` and arguments of the optimizer; AdamW by default.
        scheduler: `_target_` and arguments of the learning-rate schedule; none by default.
            `num_training_steps: -1` stands for the steps of the fit, and a warm-up below 1 for
            that share of them.
        model_data_kwargs: what the data determines of the model, as the data module's
            `model_data_kwargs` gives it.
        hyperparameters: those that the subclass declares.

    Raises:
        ConfigurationError: for an unknown hyperparameter or a backbone that cannot be loaded.
    """

    default_model_type: ClassVar[str]
    """Import path of the Auto class of the task."""
    data_module_type: ClassVar[str]
    """Import path of the data module that the task trains on by default."""

    def __init__(
        self,
        backbone: str | Mapping[str, Any],
        downstream_model_type: str | None = None,
        optimizer: Mapping[str, Any] | None = None,
        scheduler: Mapping[str, Any] | None = None,
        model_data_kwargs: Mapping[str, Any] | None = None,
        **hyperparameters: Any,
    ) -> None:
        super().__init__()
        backbone, optimizer, scheduler = plain(backbone), plain(optimizer), plain(scheduler)
        set_hyperparameters(self, TaskTransformer, hyperparameters)
        self.save_hyperparameters(logger=False)
        fields = {"pretrained_model_name_or_path": backbone}
        self.backbone = Backbone(**(fields if isinstance(backbone, str) else dict(backbone)))
        self.downstream_model_type = downstream_model_type or self.default_model_type
        self.optimizer_config = optimizer or ADAMW
        self.scheduler_config = scheduler
        self.model_data_kwargs = model_data_kwargs or {}
        self.model = self.build_model()
        self.metrics = nn.ModuleDict(
            {
                stage: MetricCollection(self.configure_metrics(stage), prefix=f"{stage}/")  # type: ignore[arg-type]
                for stage in ("val", "test")
            }
        )

    # -- the model

    def build_model(self) -> PreTrainedModel:
        """Return the model, in training mode; edit its structure here, before it is copied."""
        return self.backbone.load_model(self.downstream_model_type, self.model_data_kwargs)

    def forward(self, batch: Batch) -> ModelOutput:
        """Run the model on a batch."""
        return cast(ModelOutput, self.model(**batch))

    # -- the loss

    def shared_step(self, batch: Batch, stage: str) -> tuple[Loss, ModelOutput]:
        """Return the loss of a batch and the model's outputs; `stage` is train, val or test."""
        outputs = self(batch)
        return self.compute_loss(outputs, batch, stage), outputs

    def compute_loss(self, outputs: ModelOutput, batch: Batch, stage: str) -> Loss:
        """Return the model's own loss as the sum over its targets and their number."""
        count = self.count_targets(batch)
        return Loss(outputs["loss"] * count, count)

    def count_targets(self, batch: Batch) -> Tensor:
        """Return over how many labels the model averages its loss; -100 marks a masked one."""
        return (batch["labels"] != -100).sum()

    # -- Lightning's steps

    def setup(self, stage: str) -> None:
        """Check that the embedding holds every token that the data can have."""
        tokenizer = getattr(self.trainer.datamodule, "tokenizer", None)  # type: ignore[attr-defined]
        rows = embedding_rows(self.model)
        if tokenizer is not None and len(tokenizer) > rows:
            raise ConfigurationError(
                f"the tokenizer has {len(tokenizer)} tokens, the model's embedding only {rows} "
                "rows: create the model with model_data_kwargs=data.model_data_kwargs"
            )

    def on_train_start(self) -> None:
        """Check that what trains is what trained when the strategy wrapped the model."""
        if self.trainer.world_size > 1 and self._trainable() != self._trainable_when_wrapped:
            raise ConfigurationError(
                "parameters were frozen or unfrozen in on_fit_start, when the processes had "
                "already agreed on those that train: do it in setup, or train on one device"
            )

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the mean loss of a batch; it is logged every `log_every_n_steps`."""
        loss, _ = self.shared_step(batch, "train")
        if not loss.total.requires_grad:
            raise ConfigurationError(self._nothing_trains())
        every = self.trainer.log_every_n_steps  # type: ignore[attr-defined]
        if every and (self.global_step + 1) % every == 0:
            self.log("train/loss", loss.mean.detach(), prog_bar=True)
        return loss.mean

    def validation_step(self, batch: Batch, batch_idx: int, dataloader_idx: int = 0) -> None:
        """Add a batch to the validation metrics."""
        self._evaluation_step(batch, "val")

    def test_step(self, batch: Batch, batch_idx: int, dataloader_idx: int = 0) -> None:
        """Add a batch to the test metrics."""
        self._evaluation_step(batch, "test")

    def on_validation_epoch_end(self) -> None:
        """Log the validation metrics over the whole set."""
        self._log_metrics("val")

    def on_test_epoch_end(self) -> None:
        """Log the test metrics over the whole set."""
        self._log_metrics("test")

    # -- metrics

    def configure_metrics(self, stage: str) -> dict[str, Metric]:
        """Return the metrics of a stage by name; they are logged as `val/<name>`."""
        return {"loss": MeanLoss()}

    def update_metrics(self, loss: Loss, outputs: ModelOutput, batch: Batch, stage: str) -> None:
        """Update the metrics of a stage, each with those of the arguments that it takes."""
        self._stage_metrics(stage).update(
            total=loss.total, count=loss.count, outputs=outputs, batch=batch
        )

    def _evaluation_step(self, batch: Batch, stage: str) -> None:
        loss, outputs = self.shared_step(batch, stage)
        self.update_metrics(loss, outputs, batch, stage)

    def _log_metrics(self, stage: str) -> None:
        metrics = self._stage_metrics(stage)
        self.log_dict(metrics.compute(), prog_bar=True)
        metrics.reset()

    def _stage_metrics(self, stage: str) -> MetricCollection:
        return cast(MetricCollection, self.metrics[stage])

    # -- the optimizer

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Return the trainable parameters: matrices, and biases and norms without weight decay."""
        trainable = [p for p in self.parameters() if p.requires_grad]
        groups: list[dict[str, Any]] = [
            {"params": [p for p in trainable if p.ndim >= 2]},
            {"params": [p for p in trainable if p.ndim < 2], "weight_decay": 0.0},
        ]
        return [group for group in groups if group["params"]]

    def build_optimizer(self, groups: list[dict[str, Any]]) -> Optimizer:
        """Return the optimizer of the parameter groups."""
        return instantiate(self.optimizer_config, groups)  # type: ignore[no-any-return]

    def build_scheduler(self, optimizer: Optimizer) -> LRScheduler | None:
        """Return the learning-rate schedule, which steps with the optimizer, or None."""
        if self.scheduler_config is None:
            return None
        config = dict(self.scheduler_config)
        if config.get("num_training_steps") == -1:
            config["num_training_steps"] = self.num_training_steps()
        warmup = config.get("num_warmup_steps")
        if isinstance(warmup, float):
            config["num_warmup_steps"] = round(warmup * self.num_training_steps())
        return instantiate(config, optimizer)  # type: ignore[no-any-return]

    def configure_optimizers(self) -> Any:
        """Return what the three steps above build, in the form that Lightning takes."""
        groups = self.parameter_groups()
        if not groups:
            raise ConfigurationError(self._nothing_trains())
        self._trainable_when_wrapped = self._trainable()
        optimizer = self.build_optimizer(groups)
        scheduler = self.build_scheduler(optimizer)
        if scheduler is None:
            return optimizer
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": scheduler, "interval": "step"},
        }

    def num_training_steps(self) -> int:
        """Return how often the optimizer steps in the fit.

        It is worked out from lengths: `trainer.estimated_stepping_batches` would build the data
        loaders early, and a resumed run would then see its samples in another order.

        Raises:
            ConfigurationError: if the fit has no end that is known beforehand.
        """
        trainer = self.trainer
        data: Any = getattr(trainer, "datamodule", None)
        if data is None:
            return int(trainer.estimated_stepping_batches)
        steps_per_epoch = math.ceil(data.num_train_batches() / trainer.accumulate_grad_batches)
        epochs = trainer.max_epochs if trainer.max_epochs is not None else -1
        limits = [limit for limit in (trainer.max_steps, steps_per_epoch * epochs) if limit >= 0]
        if not limits:
            raise ConfigurationError(
                "the schedule needs the number of steps, and the fit has no end: set "
                "trainer.max_steps, trainer.max_epochs or scheduler.num_training_steps"
            )
        return min(limits)

    # -- callbacks

    def configure_callbacks(self) -> list[Callback]:
        """Return the callbacks that belong to the task, besides those of the trainer."""
        return []

    # -- prediction

    def predict(self, texts: Sequence[str], tokenizer: PreTrainedTokenizerBase) -> list[Any]:
        """Return the prediction for each text."""
        raise NotImplementedError(f"{type(self).__name__} must define predict")

    # -- for subclasses and recipes

    def generator(self, purpose: str) -> torch.Generator:
        """Return a random generator for this step: the same on every rank and after a resume."""
        step = self.trainer.fit_loop.total_batch_idx
        return keyed_generator(purpose, step, self.device)

    def _trainable(self) -> set[str]:
        return {name for name, parameter in self.named_parameters() if parameter.requires_grad}

    def _nothing_trains(self) -> str:
        reason = f" ({TIED_EMBEDDINGS})" if is_tied(self.model) else ""
        return (
            f"every parameter is frozen{reason}: leave some with requires_grad=True, or use "
            "lightning_transformers.core.freezing.freeze_backbone(model, tied='untie')"
        )
