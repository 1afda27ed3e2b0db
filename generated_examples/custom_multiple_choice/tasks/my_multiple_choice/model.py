"""Model of the task `my_multiple_choice`."""

from lightning_transformers import Batch, Loss
from lightning_transformers.task.nlp.multiple_choice import MultipleChoiceTransformer
from torch.nn.functional import multi_margin_loss
from transformers.utils.generic import ModelOutput


class MyMultipleChoiceTransformer(MultipleChoiceTransformer):
    """Multiple-choice model."""

    margin: float = 1.0  # between the logits of the right choice and of any other

    def compute_loss(self, outputs: ModelOutput, batch: Batch, stage: str) -> Loss:
        """Return Loss(total, count): sum and number of the loss terms."""
        # The right choice must beat each other one by the margin; more gains nothing.
        total = multi_margin_loss(
            outputs["logits"], batch["labels"], margin=self.margin, reduction="sum"
        )
        return Loss(total, self.count_targets(batch))
