"""Model of the task `my_text_classification`."""

from lightning_transformers import Batch, Loss
from lightning_transformers.task.nlp.text_classification import (
    TextClassificationTransformer,
)
from transformers.utils.generic import ModelOutput


class MyTextClassificationTransformer(TextClassificationTransformer):
    """Text classification model."""

    focus: float = 2.0  # gamma of the paper

    def compute_loss(self, outputs: ModelOutput, batch: Batch, stage: str) -> Loss:
        """Return Loss(total, count): sum and number of the loss terms."""
        # Focal loss (Lin et al., 2017): confident predictions count less.
        log_probabilities = outputs["logits"].log_softmax(-1)
        of_label = log_probabilities.gather(-1, batch["labels"].unsqueeze(-1))
        total = -((1 - of_label.exp()) ** self.focus * of_label).sum()
        return Loss(total, self.count_targets(batch))
