"""Model of the task `my_question_answering`."""

from lightning_transformers import Batch, Loss
from lightning_transformers.task.nlp.question_answering import (
    QuestionAnsweringTransformer,
)
from torch.nn.functional import cross_entropy
from transformers.utils.generic import ModelOutput


class MyQuestionAnsweringTransformer(QuestionAnsweringTransformer):
    """Extractive question-answering model."""

    null_weight: float = 0.5  # weight of a window without an answer

    def compute_loss(self, outputs: ModelOutput, batch: Batch, stage: str) -> Loss:
        """Return Loss(total, count): sum and number of the loss terms."""
        start, end = batch["start_positions"], batch["end_positions"]
        losses = cross_entropy(outputs["start_logits"], start, reduction="none")
        losses = losses + cross_entropy(outputs["end_logits"], end, reduction="none")
        # Most windows of a long text have no answer and would dominate the loss.
        weights = (end == 0) * self.null_weight + (end != 0)
        return Loss((losses * weights).sum() / 2, weights.sum())
