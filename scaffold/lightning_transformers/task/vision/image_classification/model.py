"""Task of image classification."""

from collections.abc import Mapping
from typing import Any, ClassVar

from torchmetrics import Metric
from transformers import BaseImageProcessor
from transformers.utils.generic import ModelOutput

from lightning_transformers.base.types import Batch, Loss
from lightning_transformers.core import TaskTransformer
from lightning_transformers.core.keys.losses import ALL_LOSS_KEYS
from lightning_transformers.core.prediction import class_columns
from lightning_transformers.data.labels import class_names, likely_classes
from lightning_transformers.training.metrics import MetricInputs, class_metrics


class ImageClassificationTransformer(TaskTransformer):
    """Classifies an image; logs the loss, accuracy, F1 and `ClassScores`."""

    default_model_type: ClassVar[str] = "transformers.AutoModelForImageClassification"
    data_module_type: ClassVar[str] = f"{__package__}.ImageClassificationDataModule"
    hf_pipeline_task: ClassVar[str | None] = "image-classification"
    loss_keys_taken = ALL_LOSS_KEYS

    def configure_metrics(self, stage: str) -> dict[str, Metric]:
        """Return the loss, the accuracy, F1 and `ClassScores`."""
        return {**super().configure_metrics(stage), **class_metrics(len(class_names(self.model)))}

    def metric_inputs(self, loss: Loss, outputs: ModelOutput, batch: Batch) -> MetricInputs:
        """Return also `preds` (batch, classes), logits, and `target` (batch,), class ids."""
        compared = {"preds": outputs["logits"].float(), "target": batch["labels"]}
        return super().metric_inputs(loss, outputs, batch) | compared

    def predict_step(self, batch: Batch, batch_idx: int, dataloader_idx: int = 0) -> list[Any]:
        """Return `label`, the most probable class, and `score`, its probability, per image."""
        return likely_classes(self.model, self(batch)["logits"], self.all_probabilities)

    def evaluated_columns(
        self, outputs: ModelOutput, batch: Batch, inputs: Mapping[str, Any]
    ) -> dict[str, list[Any]]:
        """Return label, prediction and the probability of each class; see `class_columns`."""
        return class_columns(class_names(self.model), outputs["logits"], batch["labels"])

    def load_processor(self) -> BaseImageProcessor:
        """Return the image processor of the backbone."""
        return self.backbone.load_image_processor()
