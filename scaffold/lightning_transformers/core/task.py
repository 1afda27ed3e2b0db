"""The base class of tasks: a Hugging Face model in a LightningModule."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from textwrap import shorten
from typing import Any, ClassVar, cast

import torch
from pydantic import PositiveInt
from pytorch_lightning import Callback
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from transformers import Pipeline, PreTrainedModel
from transformers.utils.generic import ModelOutput

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.base.hyperparameters import (
    declared_hyperparameters,
    hyperparameters_of,
    set_hyperparameters,
    to_plain,
)
from lightning_transformers.base.seeding import keyed_generator
from lightning_transformers.base.types import Batch, Checkpoint, Loss, Settings
from lightning_transformers.core.data import TransformerDataModule
from lightning_transformers.core.evaluation import EvaluatedModule
from lightning_transformers.core.former_forms import refuse_former_arguments, refuse_former_methods
from lightning_transformers.core.keys.freezing import Freezing, LearningRate, Part
from lightning_transformers.core.keys.losses import (
    ClassWeights,
    ConfiguredLoss,
    Gamma,
    LossKeys,
    Smoothing,
)
from lightning_transformers.core.optimization import OptimizedModule
from lightning_transformers.core.pipelines import build_pipeline
from lightning_transformers.core.placement import PlacedModule
from lightning_transformers.core.prediction import predict_inputs
from lightning_transformers.core.wrapped_methods import WRAPPED_METHODS, attach_first
from lightning_transformers.data.collators import IGNORE_INDEX
from lightning_transformers.former_paths import warn_of_former_methods
from lightning_transformers.models.adapters import add_adapter, has_adapter, trained_state
from lightning_transformers.models.backbone import Backbone
from lightning_transformers.models.freezing import all_frozen_message
from lightning_transformers.models.repository import save_model
from lightning_transformers.models.shard_loading import is_skeleton
from lightning_transformers.training.checkpoint import TRAINING_KEYS
from lightning_transformers.training.checkpoint_identity import class_record, record_classes
from lightning_transformers.training.formulas import FORMULAS
from lightning_transformers.training.loss import unmasked
from lightning_transformers.training.loss_normalization import TokenWeighting, records_loss_count
from lightning_transformers.training.metrics import (
    StageMetrics,
)
from lightning_transformers.training.trainer_fields import fields

ADAMW = {"_target_": "torch.optim.AdamW", "lr": 5e-5, "weight_decay": 0.01}


class TaskTransformer(ConfiguredLoss, EvaluatedModule, OptimizedModule, PlacedModule):
    """A Hugging Face model with the steps of its training, each a method to override.

    A subclass declares hyperparameters as annotated class attributes, set by keyword or YAML:

        from lightning_transformers.task.nlp.text_classification import (
            TextClassificationTransformer,
        )

        class MyTransformer(TextClassificationTransformer):
            noise_std: float = 0.1

        task = MyTransformer("bert-base-uncased", noise_std=0.2)

    A batch is a dict of tensors, batch dimension first: for text `input_ids` and `attention_mask`,
    each `(batch, seq)`, int64; for images `pixel_values`, `(batch, channels, height, width)`,
    float32. `shared_step` also gets `labels`, int64, `(batch, seq)` or `(batch,)`, with -100 for
    masked positions. A task's collator documents its batch.

    Three methods of every subclass are wrapped, and need not call `super()` for this:
    `compute_loss` and `shared_step` record the number of loss terms; `configure_callbacks` inserts
    the `ExactnessCallback` and the data module's `required_callbacks` before all other callbacks,
    and calls `attach_data`.

    Args:
        backbone: the pretrained model, as a hub id or folder, a `Backbone`, or its fields.
        downstream_model_type: import path of the Auto class that adds the head; by default
            `default_model_type`.
        optimizer: `_target_` and arguments of the optimizer; AdamW by default.
        scheduler: `_target_` and arguments of the learning-rate schedule; none by default.
            `num_training_steps: -1` means all steps of the fit, and `num_warmup_steps` below 1.0
            is a fraction of `num_training_steps`.
        peft: `_target_` and arguments of an adapter of peft, such as `peft.LoraConfig`; none by
            default. Only the adapter and a new head are trained.
        model_data_kwargs: config values that the data determines, the data module's property of
            this name.
        freeze: the part to train without changing it, `backbone` or `embeddings`; none by default.
            A head with tied weights gets a copy of its own with `backbone`, and is frozen with
            `embeddings`.
        freeze_epochs: epochs until that part is trained as well; never by default.
        head_learning_rate: learning rate of the head; that of the optimizer by default.
        class_weights: weights of the classes in the training loss, as a list in their order or by
            name, or `balanced`, from the rows of each class in the training set; none by default.
        label_smoothing: probability moved from the label to all classes in training.
        focal_gamma: exponent of the focal loss in training, see `training.loss.class_loss`.
        hyperparameters: values of the declared hyperparameters.

    Raises:
        ConfigurationError: for an unknown, missing or invalid argument or hyperparameter, a method
            in the form of lightning-transformers, or a backbone that cannot be loaded.
    """

    default_model_type: ClassVar[str]
    """Import path of the task's Auto class."""
    data_module_type: ClassVar[str]
    """Import path of the task's default data module."""
    hf_pipeline_task: ClassVar[str | None] = None
    """Name of the task's pipeline in transformers, if it has one."""
    hf_pipeline_kwargs: Settings | None = None
    """Further arguments of the pipeline."""

    def __init__(
        self,
        backbone: str | Settings | Backbone = "",
        downstream_model_type: str | None = None,
        optimizer: Settings | None = None,
        scheduler: Settings | None = None,
        peft: Settings | None = None,
        model_data_kwargs: Settings | None = None,
        freeze: Part | None = None,
        freeze_epochs: PositiveInt | None = None,
        head_learning_rate: LearningRate | None = None,
        class_weights: ClassWeights | None = None,
        label_smoothing: Smoothing | None = None,
        focal_gamma: Gamma | None = None,
        **hyperparameters: object,
    ) -> None:
        super().__init__()
        declared = declared_hyperparameters(type(self), TaskTransformer)
        refuse_former_arguments(type(self), backbone, hyperparameters, declared)
        refuse_former_methods(self)
        backbone = asdict(backbone) if isinstance(backbone, Backbone) else to_plain(backbone)
        peft, optimizer, scheduler = to_plain(peft), to_plain(optimizer), to_plain(scheduler)
        freezing = (freeze, freeze_epochs, head_learning_rate)
        losses = (class_weights, label_smoothing, focal_gamma)
        keys = dict(zip(TRAINING_KEYS, freezing + losses, strict=True))
        own = declared & keys.keys()
        hyperparameters |= {name: keys[name] for name in own if keys[name] is not None}
        self.freezing = Freezing(**{n: keys[n] for n in Freezing.__annotations__ if n not in own})
        self.loss_keys = LossKeys(**{n: keys[n] for n in LossKeys.__annotations__ if n not in own})
        hyperparameters = {name: to_plain(value) for name, value in hyperparameters.items()}
        set_hyperparameters(self, TaskTransformer, hyperparameters)
        self.save_hyperparameters(logger=False)
        named = {"pretrained_model_name_or_path": backbone}
        self.backbone = Backbone(**(named if isinstance(backbone, str) else dict(backbone)))
        self.downstream_model_type = downstream_model_type or self.default_model_type
        self.optimizer_config: Settings = optimizer or ADAMW
        self.scheduler_config = scheduler
        self.model_data_kwargs = model_data_kwargs or {}
        self.data: Any = None
        """The data module, set by `attach_data`."""
        self.unlogged_loss: Tensor | None = None
        self.current_batch: Batch = {}
        self.weighting = TokenWeighting()
        self.formulas = FORMULAS  # in a resumed fit, those of the checkpoint
        self.model = self.build_model()
        self.freezing.apply(self.model)
        self.loss_keys.check(self, own)
        if peft:
            add_adapter(self.model, peft)
        if has_adapter(self.model) or self.backbone.quantization or is_skeleton():
            # Checkpoints then omit the frozen backbone, see on_save_checkpoint.
            self.strict_loading = False
        stages = ("val", "test")
        metrics = {s: StageMetrics(self.configure_metrics(s), prefix=f"{s}/") for s in stages}
        self.metrics = nn.ModuleDict(metrics)

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        warn_of_former_methods(cls)
        for name, wrap in WRAPPED_METHODS.items():
            method = getattr(cls, name)  # also a mixin's
            if not getattr(method, "is_wrapped", False):
                setattr(cls, name, wrap(method))

    # -- the model

    def build_model(self) -> PreTrainedModel:
        """Return the model with its head, in training mode; override it to change its structure."""
        return self.backbone.load_model(self.downstream_model_type, self.model_data_kwargs)

    def forward(self, batch: Batch) -> ModelOutput:
        """Run the model.

        Args:
            batch: arguments of the model, each `(batch, …)`.

        Returns:
            `logits`, `(batch, …, classes)`; with `labels` in the batch also `loss`, a scalar.
        """
        return cast(ModelOutput, self.model(**batch))

    # -- the loss

    @records_loss_count
    def shared_step(self, batch: Batch, stage: str) -> tuple[Loss, ModelOutput]:
        """Return the loss and the model's outputs, for training and evaluation.

        Args:
            batch: inputs and `labels`, each `(batch, …)`.
            stage: `train`, `val` or `test`.

        Returns:
            The `Loss`, its sum and count scalars, and the outputs of `forward`.
        """
        outputs = self(batch)
        return self.compute_loss(outputs, batch, stage), outputs

    @records_loss_count
    def compute_loss(self, outputs: ModelOutput, batch: Batch, stage: str) -> Loss:
        """Return the loss of a batch as the sum over its targets and their number.

        The default is the model's own loss, a mean, in training with the keys of `LossKeys`.
        Override it for another one.

        Args:
            outputs: the outputs of `forward`, with `loss`, a scalar.
            batch: inputs and `labels`, each `(batch, …)`.
            stage: `train`, `val` or `test`.
        """
        count, mean = self.count_targets(batch), outputs["loss"]
        # The sum may overflow in 16 bits; without targets, the mean is NaN.
        wide = mean.to(torch.promote_types(mean.dtype, torch.float32))
        loss = Loss(wide.where(count > 0, 0) * count, count)
        return self.with_loss_keys(loss, outputs, batch, stage)

    def count_targets(self, batch: Batch) -> Tensor:
        """Return the number of unmasked `labels`, which the loss is a mean of; int64, a scalar."""
        return (batch["labels"] != IGNORE_INDEX).sum()

    def logits_and_labels(self, outputs: ModelOutput, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return the inputs of a loss function, without masked positions.

        Args:
            outputs: the outputs of `forward`, with `logits`, `(batch, …, classes)`.
            batch: has `labels`, `(batch, …)`.

        Returns:
            Logits `(labels, classes)`, in float32 or wider, and labels `(labels,)`.
        """
        return unmasked(outputs["logits"], batch["labels"])

    def example_loss(self, outputs: ModelOutput, batch: Batch) -> Tensor:
        """Return the model's own loss of one example, a scalar; each tensor is `(1, …)`."""
        return cross_entropy(*self.logits_and_labels(outputs, batch))

    # -- Lightning's steps

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the mean loss of a batch, a scalar, and log it every `log_every_n_steps`.

        Args:
            batch: inputs and `labels`, each `(batch, …)`.
            batch_idx: index of the batch in the epoch.

        Raises:
            ConfigurationError: if no parameter is trainable.
        """
        loss, _ = self.shared_step(batch, "train")
        if not loss.total.requires_grad:
            raise ConfigurationError(all_frozen_message(self.model))
        mean, every = loss.mean, fields(self.trainer).log_every_n_steps
        if due := every and (self.global_step + 1) % every == 0:
            self.log("train/loss", mean.detach(), prog_bar=True)
        self.unlogged_loss = None if due else mean.detach()
        return mean

    def on_train_epoch_end(self) -> None:
        """Log the loss of the last batch, so that a short epoch has one."""
        if self.unlogged_loss is not None:
            self.log("train/loss", self.unlogged_loss, prog_bar=True)
        self.unlogged_loss = None

    # -- callbacks

    @attach_first
    def configure_callbacks(self) -> list[Callback]:
        """Return the callbacks of the task, which Lightning adds to the trainer's."""
        return []

    def __getstate__(self) -> dict[str, Any]:
        """Omit the data module from copies, as Lightning omits the trainer."""
        return {**super().__getstate__(), "data": None}

    def attach_data(self, data: TransformerDataModule) -> None:
        """Set the task's data module, and the data module's model config and formulas.

        `configure_callbacks`, `predict` and `export` call this before any row is processed.
        """
        self.data, data.model_config, data.formulas = data, self.model.config, self.formulas

    # -- prediction and export

    def predict(
        self, inputs: Sequence[object] | Settings, data: TransformerDataModule, batch_size: int = 16
    ) -> list[Any]:
        """Return a prediction per raw input, in order; `{"error": reason}` if it cannot have one.

        Args:
            inputs: texts, images, or mappings from columns to values; or a single text or mapping.
            data: the data module that processes them as in training; it needs no files.
            batch_size: examples per batch.

        Raises:
            ConfigurationError: if no input can have a prediction, with the reason of the first.
        """
        inputs = [inputs] if isinstance(inputs, str | Mapping) else inputs
        return predict_inputs(self, inputs, data, batch_size)

    def predict_step(self, batch: Batch, batch_idx: int, dataloader_idx: int = 0) -> list[Any]:
        """Return a prediction per example; a subclass must define it.

        Args:
            batch: inputs, each `(batch, …)`, on the task's device, without labels; only those of
                language modeling have `labels`, which are the inputs.
            batch_idx: index of the batch.
            dataloader_idx: index of the dataloader.

        Raises:
            NotImplementedError: in this base class.
        """
        raise NotImplementedError(f"{type(self).__name__} must define predict_step")

    def merge_predictions(self, predictions: list[Any]) -> list[Any]:
        """Return one prediction per input; override if an input has several examples.

        Args:
            predictions: one per example, from `predict_step`, in order.
        """
        return predictions

    def finish_predictions(self, predictions: list[Any], inputs: Sequence[object]) -> list[Any]:
        """Return predictions, completed from their raw inputs; override to complete them.

        Args:
            predictions: one per input, from `merge_predictions`.
            inputs: the usable inputs of `predict`, cleaned, in the same order.
        """
        return predictions

    def postprocess(self, prediction: Any) -> Any:
        """Return one prediction in the form that `predict` returns; override to convert it.

        Args:
            prediction: the prediction for one input, from `finish_predictions`.
        """
        return prediction

    def save_hf_checkpoint(self, folder: str | Path, processor: Any, adapter: bool = False) -> None:
        """Write a model repository for `from_pretrained`.

        Args:
            folder: for the weights (safetensors), configs with settings of the data, and processor.
            processor: the tokenizer or image processor.
            adapter: whether to write it alone, not merged into the weights.
        """
        values = (self.config_to_export(), self.generation_settings()) if self.data else ({}, {})
        save_model(self.model, folder, *values, self.backbone if adapter else None)
        processor.save_pretrained(folder)

    def generation_settings(self) -> dict[str, Any]:
        """Return the arguments of `generate` in `predict`, which an export records."""
        return {}

    def config_to_export(self) -> dict[str, Any]:
        """Return values of the exported config that the data module determines."""
        return {}

    def load_processor(self) -> Any:
        """Load the tokenizer of the backbone; an image task loads the image processor."""
        return self.backbone.load_tokenizer()

    @property
    def hf_pipeline(self) -> Pipeline:
        """The task's pipeline in transformers; raises ConfigurationError if it has none."""
        if self.hf_pipeline_task is None:
            raise ConfigurationError(
                f"transformers has no pipeline for {type(self).__name__}: use predict(inputs, data)"
            )
        processor = self.data.processor_to_export() if self.data else self.load_processor()
        arguments = self.hf_pipeline_kwargs or {}
        return build_pipeline(self.model, self.hf_pipeline_task, processor, arguments)

    def hf_predict(self, *inputs: Any, **kwargs: Any) -> Any:
        """Call `hf_pipeline` with these arguments."""
        return self.hf_pipeline(*inputs, **kwargs)

    def load_state_dict(self, state_dict: Settings, *args: Any, **kwargs: Any) -> Any:
        """Load the weights of a checkpoint; raises ConfigurationError if they do not fit."""
        try:
            return super().load_state_dict(state_dict, *args, **kwargs)
        except RuntimeError as error:
            reason = shorten(str(error).partition("\n")[2] or str(error), 120)
            raise ConfigurationError(
                f"the checkpoint does not fit {type(self).__name__}: {reason} (use the task, "
                "backbone and labels of its run)"
            ) from error

    def on_save_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Record the classes; with an adapter, omit weights that the backbone's files have."""
        values = hyperparameters_of(self, TaskTransformer)
        values["downstream_model_type"] = self.downstream_model_type
        task, data = class_record(type(self), TaskTransformer, values), None
        if isinstance(self.data, TransformerDataModule):
            data = class_record(type(self.data), TransformerDataModule)
        record_classes(checkpoint, type(self), task, data)
        if not self.strict_loading and not self.backbone.random_weights:
            checkpoint["state_dict"] = trained_state(self, checkpoint["state_dict"])

    # -- for subclasses and recipes

    def generator(self, purpose: str) -> torch.Generator:
        """Return a random generator for this training batch, equal on all ranks and on resume.

        Args:
            purpose: name of the use, so that two uses in a batch draw different numbers.
        """
        step = self.trainer.fit_loop.total_batch_idx
        return keyed_generator(purpose, step, self.device)

    def number_of_targets(self) -> Tensor:
        """Return the number of targets in `current_batch`, a scalar, to weight its gradient by."""
        if self.weighting.count is not None:
            return self.weighting.count
        try:
            return self.count_targets(self.current_batch)
        except (KeyError, TypeError, IndexError):
            return torch.ones((), device=self.device)  # a custom step: all count equally
