"""The base class of every task: a Hugging Face model in a LightningModule."""

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from pathlib import Path
from textwrap import shorten
from typing import Any, ClassVar, cast

import torch
from hydra.utils import instantiate
from lightning_fabric.utilities import move_data_to_device
from pytorch_lightning import Callback, LightningModule
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torchmetrics import Metric, MetricCollection
from transformers import Pipeline, PreTrainedModel
from transformers.utils.generic import ModelOutput

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.base.hyperparameters import plain, set_hyperparameters
from lightning_transformers.base.seeding import keyed_generator
from lightning_transformers.base.types import Batch, Checkpoint, Loss, Settings
from lightning_transformers.core.data import TransformerDataModule
from lightning_transformers.core.exactness_callback import ExactnessCallback
from lightning_transformers.core.pipelines import build_pipeline
from lightning_transformers.models.adapters import (
    add_adapter,
    has_adapter,
    merge_adapters,
    trained_state,
)
from lightning_transformers.models.backbone import Backbone
from lightning_transformers.models.eval_mode import evaluation_mode
from lightning_transformers.models.freezing import nothing_trains
from lightning_transformers.models.layers import ParameterGroup
from lightning_transformers.models.output_head import tell_of_own_layer
from lightning_transformers.training.checkpoint_identity import record_task
from lightning_transformers.training.loss import unmasked
from lightning_transformers.training.loss_normalization import TokenWeighting, records_loss_count
from lightning_transformers.training.metrics import MeanLoss, MetricInputs, StageMetrics
from lightning_transformers.training.schedules import schedule_arguments, training_steps
from lightning_transformers.training.trainer_fields import fields

ADAMW = {"_target_": "torch.optim.AdamW", "lr": 5e-5, "weight_decay": 0.01}


def attaching(configure: Callable[[Any], list[Callback]]) -> Callable[[Any], list[Callback]]:
    """Have `configure_callbacks` attach the task to its trainer and to the data module."""

    @wraps(configure)
    def attach_and_configure(task: "TaskTransformer") -> list[Callback]:
        data = fields(task.trainer).datamodule
        required: tuple[type[Callback], ...] = ()
        if isinstance(data, TransformerDataModule):
            task.attach_data(data)
            required = data.required_callbacks
        ExactnessCallback.attach(task.trainer, task, *required)
        return configure(task)

    attach_and_configure.is_wrapped = True  # type: ignore[attr-defined]
    return attach_and_configure


WRAPPED: dict[str, Callable[[Any], Any]] = {
    "compute_loss": records_loss_count,
    "shared_step": records_loss_count,
    "configure_callbacks": attaching,
}
"""Methods that `TaskTransformer` wraps, and that of a subclass need not call `super()` for it."""


class TaskTransformer(LightningModule):
    """A Hugging Face model with the steps of its training, each small enough to override.

    A subclass declares its hyperparameters as annotated class attributes; keyword arguments, and
    so the keys of its YAML, set them:

        from lightning_transformers.task.nlp.text_classification import (
            TextClassificationTransformer,
        )

        class MyTransformer(TextClassificationTransformer):
            noise_std: float = 0.1

        task = MyTransformer("bert-base-uncased", noise_std=0.2)

    Three methods of every subclass are wrapped. `compute_loss` and `shared_step` record how many
    terms the loss has; `configure_callbacks` also puts the `ExactnessCallback` before all other
    callbacks, and after it the `required_callbacks` of the data module, and hands the model's
    config to that. A subclass need not call `super()` for that.

    Args:
        backbone: the pretrained model, as a hub id or folder, or as the fields of `Backbone`.
        downstream_model_type: import path of the Auto class that adds the head; the task's own
            by default.
        optimizer: `_target_` and arguments of the optimizer; AdamW by default.
        scheduler: `_target_` and arguments of the learning-rate schedule; none by default.
            `num_training_steps: -1` stands for the steps of the fit, and a warm-up below 1 for
            that share of them.
        peft: `_target_` and arguments of an adapter of peft, such as `peft.LoraConfig`; none by
            default. Only it and a new head train.
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
    hf_pipeline_task: ClassVar[str | None] = None
    """Name of the pipeline of transformers that serves the task, where there is one."""
    hf_pipeline_kwargs: Settings | None = None
    """Further arguments of that pipeline."""

    def __init__(
        self,
        backbone: str | Settings,
        downstream_model_type: str | None = None,
        optimizer: Settings | None = None,
        scheduler: Settings | None = None,
        peft: Settings | None = None,
        model_data_kwargs: Settings | None = None,
        **hyperparameters: object,
    ) -> None:
        super().__init__()
        backbone, peft = plain(backbone), plain(peft)
        optimizer, scheduler = plain(optimizer), plain(scheduler)
        hyperparameters = {name: plain(value) for name, value in hyperparameters.items()}
        set_hyperparameters(self, TaskTransformer, hyperparameters)
        self.save_hyperparameters(logger=False)
        named = {"pretrained_model_name_or_path": backbone}
        self.backbone = Backbone(**(named if isinstance(backbone, str) else dict(backbone)))
        self.downstream_model_type = downstream_model_type or self.default_model_type
        self.optimizer_config: Settings = optimizer or ADAMW
        self.scheduler_config = scheduler
        self.model_data_kwargs = model_data_kwargs or {}
        self.data: Any = None
        """The data module that `attach_data` was called with last."""
        self.unlogged_loss: Tensor | None = None
        self.current_batch: Batch = {}
        self.weighting = TokenWeighting()
        self.model = self.build_model()
        if peft:
            add_adapter(self.model, peft)
        if has_adapter(self.model):
            # A checkpoint then holds what trains alone, see on_save_checkpoint.
            self.strict_loading = False
        self.metrics = nn.ModuleDict(
            {
                stage: StageMetrics(self.configure_metrics(stage), prefix=f"{stage}/")
                for stage in ("val", "test")
            }
        )

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        for name, wrap in WRAPPED.items():
            method = getattr(cls, name)  # of the class, or of a mixin
            if not getattr(method, "is_wrapped", False):
                setattr(cls, name, wrap(method))

    # -- the model

    def build_model(self) -> PreTrainedModel:
        """Return the model, in training mode; edit its structure here, before it is copied."""
        return self.backbone.load_model(self.downstream_model_type, self.model_data_kwargs)

    def forward(self, batch: Batch) -> ModelOutput:
        """Run the model on a batch."""
        return cast(ModelOutput, self.model(**batch))

    # -- the loss

    @records_loss_count
    def shared_step(self, batch: Batch, stage: str) -> tuple[Loss, ModelOutput]:
        """Return the loss of a batch and the model's outputs; `stage` is train, val or test."""
        outputs = self(batch)
        return self.compute_loss(outputs, batch, stage), outputs

    @records_loss_count
    def compute_loss(self, outputs: ModelOutput, batch: Batch, stage: str) -> Loss:
        """Return the model's own loss as the sum over its targets and their number."""
        count, mean = self.count_targets(batch), outputs["loss"]
        # The sum may be more than 16 bits hold. Of a batch without targets the mean is 0/0, and it
        # has no part in the sum.
        wide = mean.to(torch.promote_types(mean.dtype, torch.float32))
        return Loss(wide.where(count > 0, 0) * count, count)

    def count_targets(self, batch: Batch) -> Tensor:
        """Return over how many labels the model averages its loss; -100 marks a masked one."""
        return (batch["labels"] != -100).sum()

    def logits_and_labels(self, outputs: ModelOutput, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return what a loss compares, without masked labels: (labels, classes) and (labels)."""
        return unmasked(outputs["logits"], batch["labels"])

    # -- Lightning's steps

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the mean loss of a batch; it is logged every `log_every_n_steps`, and last."""
        loss, _ = self.shared_step(batch, "train")
        if not loss.total.requires_grad:
            raise ConfigurationError(nothing_trains(self.model))
        every = fields(self.trainer).log_every_n_steps
        due = every and (self.global_step + 1) % every == 0
        if due:
            self.log("train/loss", loss.mean.detach(), prog_bar=True)
        self.unlogged_loss = None if due else loss.mean.detach()
        return loss.mean

    def on_train_epoch_end(self) -> None:
        """Log the loss of the last batch, which an epoch with few batches has no other of."""
        if self.unlogged_loss is not None:
            self.log("train/loss", self.unlogged_loss, prog_bar=True)
        self.unlogged_loss = None

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
        """Return the metrics of a stage by name; they are logged as `val/<name>`.

        A metric whose `compute` returns a dict is logged under the names in it.
        """
        return {"loss": MeanLoss()}

    def metric_inputs(self, loss: Loss, outputs: ModelOutput, batch: Batch) -> MetricInputs:
        """Return what a batch gives to the metrics, by the names of their `update`'s arguments."""
        return {"total": loss.total, "count": loss.count}

    def update_metrics(self, loss: Loss, outputs: ModelOutput, batch: Batch, stage: str) -> None:
        """Update the metrics of a stage, each with those of `metric_inputs` that it takes."""
        self._stage_metrics(stage).update(**self.metric_inputs(loss, outputs, batch))

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

    def parameter_groups(self) -> list[ParameterGroup]:
        """Return the trainable parameters: matrices, and biases and norms without weight decay."""
        trainable = [p for p in self.parameters() if p.requires_grad]
        groups: list[ParameterGroup] = [
            {"params": [p for p in trainable if p.ndim >= 2]},
            {"params": [p for p in trainable if p.ndim < 2], "weight_decay": 0.0},
        ]
        return [group for group in groups if group["params"]]

    def build_optimizer(self, groups: list[ParameterGroup]) -> Optimizer:
        """Return the optimizer of the parameter groups."""
        if self.optimizer_config["_target_"] == "torch.optim.LBFGS":  # it takes one group
            groups = [{"params": [p for group in groups for p in group["params"]]}]
        # OmegaConf's lists, such as betas, would keep a checkpoint from loading.
        optimizer: Optimizer = instantiate(self.optimizer_config, groups, _convert_="all")
        return optimizer

    def build_scheduler(self, optimizer: Optimizer) -> LRScheduler | None:
        """Return the learning-rate schedule, which steps with the optimizer, or None."""
        if not self.scheduler_config:
            return None
        config = schedule_arguments(self.scheduler_config, self.num_training_steps)
        scheduler: LRScheduler = instantiate(config, optimizer)
        return scheduler

    def configure_optimizers(self) -> Any:
        """Return what the three steps above build, in the form that Lightning takes."""
        groups = self.parameter_groups()
        if not groups:
            raise ConfigurationError(nothing_trains(self.model))
        optimizer = self.build_optimizer(groups)
        scheduler = self.build_scheduler(optimizer)
        if scheduler is None:
            return optimizer
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": scheduler, "interval": "step"},
        }

    def num_training_steps(self) -> int:
        """Return how often the optimizer steps in the fit, see `training_steps`."""
        return training_steps(self.trainer)

    # -- callbacks

    @attaching
    def configure_callbacks(self) -> list[Callback]:
        """Return the callbacks that belong to the task, besides those of the trainer."""
        return []

    def __getstate__(self) -> dict[str, Any]:
        """Leave the data out of copies, as Lightning does the trainer."""
        return {**super().__getstate__(), "data": None}

    def attach_data(self, data: TransformerDataModule) -> None:
        """Use a data module from now on, and tell it the config of the model.

        Lightning's `configure_callbacks` and `predict` call this before any row is processed.
        """
        self.data, data.model_config = data, self.model.config

    # -- prediction and export

    def predict(
        self, inputs: Sequence[object] | Settings, data: TransformerDataModule, batch_size: int = 16
    ) -> list[Any]:
        """Return the prediction for each raw input.

        Args:
            inputs: texts, images, or mappings from the columns of the data to values; a single
                text or mapping is one input.
            data: the data module, which makes batches of them as in training; it needs no files.
            batch_size: inputs at a time.

        Raises:
            ConfigurationError: for an input without what the task needs.
        """
        inputs = [inputs] if isinstance(inputs, str | Mapping) else inputs
        self.attach_data(data)
        with torch.no_grad(), evaluation_mode(self):
            batches = data.predict_batches(inputs, batch_size)
            steps = [
                self.predict_step(move_data_to_device(batch, self.device), index)
                for index, batch in enumerate(batches)
            ]
            whole = self.merge_predictions([prediction for step in steps for prediction in step])
            return [self.postprocess(p) for p in self.finish_predictions(whole, inputs)]

    def predict_step(self, batch: Batch, batch_idx: int, dataloader_idx: int = 0) -> list[Any]:
        """Return the predictions for a batch; the batch has no labels."""
        raise NotImplementedError(f"{type(self).__name__} must define predict_step")

    def merge_predictions(self, predictions: list[Any]) -> list[Any]:
        """Return one prediction an input, where `predict_step` gives one an example of it."""
        return predictions

    def finish_predictions(self, predictions: list[Any], inputs: Sequence[object]) -> list[Any]:
        """Return the predictions with what only the raw inputs tell."""
        return predictions

    def postprocess(self, prediction: Any) -> Any:
        """Return one prediction as the caller of `predict` sees it."""
        return prediction

    def save_hf_checkpoint(self, folder: str | Path, processor: Any) -> None:
        """Write a model repository, from which `from_pretrained` gives the same logits.

        Args:
            folder: gets the weights as safetensors, the config and the files of the processor.
            processor: the tokenizer or image processor.
        """
        tell_of_own_layer(self.model)
        merge_adapters(self.model).save_pretrained(folder)
        processor.save_pretrained(folder)

    def load_processor(self) -> Any:
        """Return the tokenizer that belongs to the backbone."""
        return self.backbone.load_tokenizer()

    @property
    def hf_pipeline(self) -> Pipeline:
        """The pipeline of transformers around the model; raises ConfigurationError if none fits."""
        if self.hf_pipeline_task is None:
            raise ConfigurationError(
                f"transformers has no pipeline for {type(self).__name__}: use predict(inputs, data)"
            )
        # That of the data may be set up otherwise, as a tokenizer with another chat template.
        processor = getattr(self.data, "processor", None) or self.load_processor()
        arguments = self.hf_pipeline_kwargs or {}
        return build_pipeline(self.model, self.hf_pipeline_task, processor, arguments)

    def hf_predict(self, *inputs: Any, **kwargs: Any) -> Any:
        """Return what the pipeline of transformers makes of its inputs."""
        return self.hf_pipeline(*inputs, **kwargs)

    def load_state_dict(self, state_dict: Settings, *args: Any, **kwargs: Any) -> Any:
        """Take up the weights of a checkpoint; raises ConfigurationError for those of others."""
        try:
            return super().load_state_dict(state_dict, *args, **kwargs)
        except RuntimeError as error:
            reason = shorten(str(error).partition("\n")[2] or str(error), 120)
            raise ConfigurationError(
                f"the checkpoint does not fit {type(self).__name__}: {reason}"
            ) from error

    def on_save_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Record the task; leave out what the backbone's files hold, if an adapter trains."""
        record_task(type(self), checkpoint)
        if not self.strict_loading and not self.backbone.random_weights:
            checkpoint["state_dict"] = trained_state(self, checkpoint["state_dict"])

    # -- for subclasses and recipes

    def generator(self, purpose: str) -> torch.Generator:
        """Return a random generator for this step: the same on every rank and after a resume."""
        step = self.trainer.fit_loop.total_batch_idx
        return keyed_generator(purpose, step, self.device)

    def number_of_targets(self) -> Tensor:
        """Return how many targets the batch has by which the task is being trained."""
        if self.weighting.count is not None:
            return self.weighting.count
        try:
            return self.count_targets(self.current_batch)
        except (KeyError, TypeError, IndexError):
            # A step of one's own on batches of another kind: each counts alike.
            return torch.ones((), device=self.device)
