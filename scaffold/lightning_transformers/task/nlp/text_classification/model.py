"""Task of text classification."""

from collections.abc import Collection, Mapping
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, mse_loss
from torchmetrics import MeanSquaredError, Metric, PearsonCorrCoef, SpearmanCorrCoef
from torchmetrics.classification import (
    MultilabelF1Score,
    MultilabelPrecision,
    MultilabelRecall,
)
from transformers.utils.generic import ModelOutput

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.base.types import Batch, Loss
from lightning_transformers.core import TaskTransformer
from lightning_transformers.core.keys.losses import ALL_LOSS_KEYS
from lightning_transformers.core.prediction import class_columns, probability_columns
from lightning_transformers.data.labels import class_names, likely_classes
from lightning_transformers.training.metrics import MetricInputs, class_metrics

AVERAGES: tuple[Literal["micro", "macro", "weighted"], ...] = ("micro", "macro", "weighted")
"""Averages of F1 over the labels."""


class TextClassificationTransformer(TaskTransformer):
    """Classifies a text or a pair of texts, or predicts a number.

    Logs the loss and, by problem type: accuracy, F1 and `ClassScores`; F1, precision and recall for
    multi-label classification; mean squared error, Pearson's and Spearman's correlation for
    regression.
    """

    default_model_type: ClassVar[str] = "transformers.AutoModelForSequenceClassification"
    data_module_type: ClassVar[str] = f"{__package__}.TextClassificationDataModule"
    hf_pipeline_task: ClassVar[str | None] = "text-classification"

    @property
    def problem_type(self) -> str:
        """The problem type in the model's config."""
        return self.model.config.problem_type or "single_label_classification"

    @property
    def loss_keys_taken(self) -> Collection[str]:
        """All keys for a class per text, else none."""
        return ALL_LOSS_KEYS if self.problem_type == "single_label_classification" else ()

    def count_targets(self, batch: Batch) -> Tensor:
        """Return the number of labels in the batch, a scalar: the loss is their mean."""
        return torch.tensor(batch["labels"].numel(), device=self.device)

    def logits_and_labels(self, outputs: ModelOutput, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return the logits (batch, classes) and the class ids (batch,).

        Raises:
            ConfigurationError: for multi-label classification and regression.
        """
        if self.problem_type != "single_label_classification":
            raise ConfigurationError(
                f"the loss of {type(self).__name__} requires one class per text, but problem_type="
                f"{self.problem_type}: remove the recipe or method that changes the loss"
            )
        return super().logits_and_labels(outputs, batch)

    def configure_metrics(self, stage: str) -> dict[str, Metric]:
        """Return the loss and the metrics of the problem type."""
        return {**super().configure_metrics(stage), **self.label_metrics()}

    def label_metrics(self) -> dict[str, Metric]:
        """Return the metrics of the problem type, by name."""
        classes = len(class_names(self.model))
        if self.problem_type == "regression":
            return {
                "mse": MeanSquaredError(),
                "pearson": PearsonCorrCoef(),
                "spearman": SpearmanCorrCoef(),
            }
        if self.problem_type == "multi_label_classification":
            return {
                **{f"f1_{mean}": MultilabelF1Score(classes, average=mean) for mean in AVERAGES},
                "precision": MultilabelPrecision(classes, average="macro"),
                "recall": MultilabelRecall(classes, average="macro"),
            }
        return class_metrics(classes)

    def metric_inputs(self, loss: Loss, outputs: ModelOutput, batch: Batch) -> MetricInputs:
        """Return also `preds` and `target`: logits, probabilities or numbers, and labels."""
        preds, labels = outputs["logits"], batch["labels"]
        if self.problem_type == "regression":
            preds = preds.squeeze(-1)
        if self.problem_type == "multi_label_classification":
            preds, labels = preds.sigmoid(), labels.int()
        compared = {"preds": preds.float(), "target": labels}
        return super().metric_inputs(loss, outputs, batch) | compared

    def predict_step(self, batch: Batch, batch_idx: int, dataloader_idx: int = 0) -> list[Any]:
        """Return a prediction per text.

        Returns:
            `label`, the most probable class, and `score`, its probability; for several labels per
            text the probability by class, of those above 0.5; for a regression the number.
        """
        logits = self(batch)["logits"].float()
        if self.problem_type == "regression":
            return [float(value) for value in logits.squeeze(-1)]
        if self.problem_type == "multi_label_classification":
            names = class_names(self.model)
            found = [dict(zip(names, row, strict=True)) for row in logits.sigmoid().tolist()]
            likely = [{name: p for name, p in row.items() if p > 0.5} for row in found]
            if not self.all_probabilities:
                return likely
            pairs = zip(likely, found, strict=True)
            return [{"labels": [*some], "probabilities": row} for some, row in pairs]
        return likely_classes(self.model, logits, self.all_probabilities)

    def example_loss(self, outputs: ModelOutput, batch: Batch) -> Tensor:
        """Return the loss of one example by problem type, a scalar; each tensor `(1, …)`."""
        logits, labels = outputs["logits"].float(), batch["labels"]
        if self.problem_type == "regression":
            return mse_loss(logits.squeeze(-1), labels)
        if self.problem_type == "multi_label_classification":
            return binary_cross_entropy_with_logits(logits, labels)
        return super().example_loss(outputs, batch)

    def evaluated_columns(
        self, outputs: ModelOutput, batch: Batch, inputs: Mapping[str, Any]
    ) -> dict[str, list[Any]]:
        """Return label and prediction, and except for a regression the probability by class."""
        logits, labels = outputs["logits"].float(), batch["labels"]
        if self.problem_type == "regression":
            return {"label": labels.tolist(), "prediction": logits.squeeze(-1).tolist()}
        names = class_names(self.model)
        if self.problem_type == "single_label_classification":
            return class_columns(names, logits, labels)
        several = {"label": labels, "prediction": logits.sigmoid()}
        lists = {
            column: [
                [name for name, p in zip(names, row, strict=True) if p > 0.5]
                for row in values.tolist()
            ]
            for column, values in several.items()
        }
        return lists | probability_columns(names, logits.sigmoid())
