"""Task of masked language modeling."""

from collections.abc import Mapping
from typing import Any, ClassVar

from torchmetrics import Metric
from transformers.utils.generic import ModelOutput

from lightning_transformers.base.types import Batch, Loss, Row
from lightning_transformers.core import TaskTransformer
from lightning_transformers.data.collators import IGNORE_INDEX
from lightning_transformers.training.metrics import Accuracy, MetricInputs, Perplexity


class MaskedLanguageModelingTransformer(TaskTransformer):
    """Predicts masked tokens; logs their loss, perplexity and accuracy."""

    default_model_type: ClassVar[str] = "transformers.AutoModelForMaskedLM"
    data_module_type: ClassVar[str] = f"{__package__}.MaskedLanguageModelingDataModule"
    hf_pipeline_task: ClassVar[str | None] = "fill-mask"

    def configure_metrics(self, stage: str) -> dict[str, Metric]:
        """Return the loss, the perplexity and the accuracy."""
        return {
            **super().configure_metrics(stage),
            "perplexity": Perplexity(),
            "accuracy": Accuracy(average="micro", validate_args=False),
        }

    def metric_inputs(self, loss: Loss, outputs: ModelOutput, batch: Batch) -> MetricInputs:
        """Return also `preds` and `target`, the predicted and true masked tokens, (masked,)."""
        hidden = batch["labels"] != IGNORE_INDEX
        predicted = outputs["logits"][hidden].argmax(-1)
        compared = {"preds": predicted, "target": batch["labels"][hidden]}
        return super().metric_inputs(loss, outputs, batch) | compared

    def evaluated_columns(
        self, outputs: ModelOutput, batch: Batch, inputs: Mapping[str, Any]
    ) -> dict[str, list[Any]]:
        """Return the masked text of each example, and its true and predicted masked tokens."""
        tokenizer, hidden = self.data.tokenizer, batch["labels"] != IGNORE_INDEX
        counts = hidden.sum(-1).tolist()
        found = {"label": batch["labels"], "prediction": outputs["logits"].argmax(-1)}
        return {"text": tokenizer.batch_decode(batch["input_ids"])} | {
            name: [
                [tokenizer.decode([token]).strip() for token in part.tolist()]
                for part in ids[hidden].split(counts)
            ]
            for name, ids in found.items()
        }

    def predict_step(self, batch: Batch, batch_idx: int, dataloader_idx: int = 0) -> list[Row]:
        """Return the filled-in `text`, its new `tokens` and their probabilities, `scores`."""
        tokenizer = self.data.tokenizer
        input_ids = batch["input_ids"]
        masks = input_ids == tokenizer.mask_token_id
        scores, best = self(batch)["logits"][masks].float().softmax(-1).max(-1)
        filled = input_ids.masked_scatter(masks, best)
        counts = masks.sum(-1).tolist()
        return [
            {
                "text": tokenizer.decode(ids, skip_special_tokens=True),
                "tokens": [tokenizer.decode([token_id]).strip() for token_id in tokens.tolist()],
                "scores": probabilities.tolist(),
            }
            for ids, tokens, probabilities in zip(
                filled, best.split(counts), scores.split(counts), strict=True
            )
        ]
