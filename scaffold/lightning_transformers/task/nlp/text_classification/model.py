"""The text classifier."""

from typing import Any, ClassVar

import torch
from torch import Tensor
from torchmetrics import MeanSquaredError, Metric, PearsonCorrCoef, SpearmanCorrCoef
from torchmetrics.classification import MultilabelF1Score
from transformers.utils.generic import ModelOutput

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.base.types import Batch, Loss
from lightning_transformers.core import TaskTransformer
from lightning_transformers.data.labels import class_names, likely_classes
from lightning_transformers.training.metrics import MetricInputs, class_metrics


class TextClassificationTransformer(TaskTransformer):
    """Classifies a text or a pair of texts.

    Reports accuracy and macro F1; of several labels micro and macro F1; of a regression the mean
    squared error and Pearson's and Spearman's correlation.
    """

    default_model_type: ClassVar[str] = "transformers.AutoModelForSequenceClassification"
    data_module_type: ClassVar[str] = f"{__package__}.TextClassificationDataModule"
    hf_pipeline_task: ClassVar[str | None] = "text-classification"

    @property
    def problem_type(self) -> str:
        """What the labels are, as the model's config names it."""
        return self.model.config.problem_type or "single_label_classification"

    def count_targets(self, batch: Batch) -> Tensor:
        """Return the number of labels in the batch, over which the model averages its loss."""
        return torch.tensor(batch["labels"].numel(), device=self.device)

    def logits_and_labels(self, outputs: ModelOutput, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return the logits and the class of each text.

        Raises:
            ConfigurationError: if the labels are no single classes.
        """
        if self.problem_type != "single_label_classification":
            raise ConfigurationError(
                f"the loss of {type(self).__name__} compares logits with one class a text, and "
                f"the labels are for {self.problem_type}: leave that part of the loss out"
            )
        return super().logits_and_labels(outputs, batch)

    def configure_metrics(self, stage: str) -> dict[str, Metric]:
        """Return the metrics that fit the type of the labels."""
        return {**super().configure_metrics(stage), **self.label_metrics()}

    def label_metrics(self) -> dict[str, Metric]:
        """Return the metrics of predictions against labels."""
        classes = len(class_names(self.model))
        if self.problem_type == "regression":
            return {
                "mse": MeanSquaredError(),
                "pearson": PearsonCorrCoef(),
                "spearman": SpearmanCorrCoef(),
            }
        if self.problem_type == "multi_label_classification":
            return {
                "f1_micro": MultilabelF1Score(classes, average="micro"),
                "f1_macro": MultilabelF1Score(classes, average="macro"),
            }
        return class_metrics(classes)

    def metric_inputs(self, loss: Loss, outputs: ModelOutput, batch: Batch) -> MetricInputs:
        """Return the predictions and the labels as well."""
        preds, labels = outputs["logits"], batch["labels"]
        if self.problem_type == "regression":
            preds = preds.squeeze(-1)
        if self.problem_type == "multi_label_classification":
            preds, labels = preds.sigmoid(), labels.int()
        compared = {"preds": preds.float(), "target": labels}
        return super().metric_inputs(loss, outputs, batch) | compared

    def predict_step(self, batch: Batch, batch_idx: int, dataloader_idx: int = 0) -> list[Any]:
        """Return the label with its probability, the labels with theirs, or the number."""
        logits = self(batch)["logits"].float()
        if self.problem_type == "regression":
            return [float(value) for value in logits.squeeze(-1)]
        if self.problem_type == "multi_label_classification":
            names = class_names(self.model)
            return [
                {names[number]: float(p) for number, p in enumerate(row) if p > 0.5}
                for row in logits.sigmoid()
            ]
        return likely_classes(self.model, logits)
