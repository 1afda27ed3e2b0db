"""Model of the task `my_summarization`."""

from lightning_transformers import Batch, Loss
from lightning_transformers.task.nlp.summarization import SummarizationTransformer
from torch.nn.functional import cross_entropy
from transformers.utils.generic import ModelOutput


class MySummarizationTransformer(SummarizationTransformer):
    """Summarization model."""

    label_smoothing: float = 0.1  # share spread over the vocabulary

    def compute_loss(self, outputs: ModelOutput, batch: Batch, stage: str) -> Loss:
        """Return Loss(total, count): sum and number of the loss terms."""
        total = cross_entropy(
            outputs["logits"].flatten(0, 1),
            batch["labels"].flatten(),
            label_smoothing=self.label_smoothing if stage == "train" else 0.0,
            reduction="sum",
        )
        return Loss(total, self.count_targets(batch))
