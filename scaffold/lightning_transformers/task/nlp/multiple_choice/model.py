"""Task of multiple choice."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from torch.nn.functional import cross_entropy
from torchmetrics import Metric
from transformers.utils.generic import ModelOutput

from lightning_transformers.base.types import Batch, Loss, Row
from lightning_transformers.core import TaskTransformer
from lightning_transformers.core.prediction import class_columns
from lightning_transformers.task.nlp.multiple_choice.data import MultipleChoiceDataModule
from lightning_transformers.training.metrics import Accuracy, MetricInputs


class MultipleChoiceTransformer(TaskTransformer):
    """Selects the correct choice; logs the loss and the accuracy."""

    default_model_type: ClassVar[str] = "transformers.AutoModelForMultipleChoice"
    data_module_type: ClassVar[str] = f"{__package__}.MultipleChoiceDataModule"

    def forward(self, batch: Batch) -> ModelOutput:
        """Run the model on a batch; the logits (batch, choices) of padding choices are -inf."""
        if "choice_mask" not in batch:
            return super().forward(batch)
        own = {key: value for key, value in batch.items() if key not in ("choice_mask", "labels")}
        outputs = super().forward(own)
        logits = outputs["logits"].masked_fill(~batch["choice_mask"], float("-inf"))
        outputs["logits"] = logits
        if "labels" in batch:
            outputs["loss"] = cross_entropy(logits, batch["labels"])
        return outputs

    def configure_metrics(self, stage: str) -> dict[str, Metric]:
        """Return the loss and the accuracy."""
        accuracy = Accuracy(average="micro", validate_args=False)
        return {**super().configure_metrics(stage), "accuracy": accuracy}

    def metric_inputs(self, loss: Loss, outputs: ModelOutput, batch: Batch) -> MetricInputs:
        """Return also `preds` and `target`, indices of choices, (batch,)."""
        compared = {"preds": outputs["logits"].argmax(-1), "target": batch["labels"]}
        return super().metric_inputs(loss, outputs, batch) | compared

    def finish_predictions(self, predictions: list[Any], inputs: Sequence[object]) -> list[Any]:
        """Return for each input `choice`, `index` and `score` of the best choice.

        Args:
            predictions: `index` and `score` of each input, from `predict_step`.
            inputs: mappings with `context`, `question` and a list `choices`.
        """
        data: MultipleChoiceDataModule = self.data
        choices = data.predicted_choices(inputs)
        return [
            {"choice": row[best["index"]], **best}
            for row, best in zip(choices, predictions, strict=True)
        ]

    def predict_step(self, batch: Batch, batch_idx: int, dataloader_idx: int = 0) -> list[Row]:
        """Return the `index` and the probability `score` of the best choice of each example."""
        probabilities = self(batch)["logits"].float().softmax(-1)
        scores, indices = probabilities.max(-1)
        found: list[Row] = [
            {"index": index, "score": score}
            for index, score in zip(indices.tolist(), scores.tolist(), strict=True)
        ]
        if self.all_probabilities:
            for row, values in zip(found, probabilities.tolist(), strict=True):
                row["probabilities"] = {str(number): p for number, p in enumerate(values)}
        return found

    def evaluated_columns(
        self, outputs: ModelOutput, batch: Batch, inputs: Mapping[str, Any]
    ) -> dict[str, list[Any]]:
        """Return the number of the correct and of the best choice, and the probability of each."""
        names = [str(number) for number in range(outputs["logits"].shape[1])]
        return class_columns(names, outputs["logits"], batch["labels"])
