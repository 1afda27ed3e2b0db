"""Task of question answering."""

import json
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from torchmetrics import Metric
from transformers.utils.generic import ModelOutput

from lightning_transformers.base.types import Batch, Columns, Loss
from lightning_transformers.core import TaskTransformer
from lightning_transformers.data.collators import IGNORE_INDEX
from lightning_transformers.data.texts import decode_texts
from lightning_transformers.task.nlp.question_answering.scores import SquadScores, squad_scores
from lightning_transformers.task.nlp.question_answering.spans import (
    Candidates,
    Span,
    best_answer,
    candidates,
    merge_windows,
)
from lightning_transformers.training.loss import unmasked
from lightning_transformers.training.metrics import MetricInputs


class QuestionAnsweringTransformer(TaskTransformer):
    """Finds the span of a context that answers a question; logs the loss, exact match and F1."""

    default_model_type: ClassVar[str] = "transformers.AutoModelForQuestionAnswering"
    data_module_type: ClassVar[str] = f"{__package__}.QuestionAnsweringDataModule"

    def forward(self, batch: Batch) -> ModelOutput:
        """Run the model on a batch without `window`."""
        return super().forward({key: value for key, value in batch.items() if key != "window"})

    def compute_loss(self, outputs: ModelOutput, batch: Batch, stage: str) -> Loss:
        """Return the mean loss of the start and the end of each window, summed over the windows.

        It is the model's own loss on each window alone, without padding.
        """
        if self.formulas < 2:
            return super().compute_loss(outputs, batch, stage)
        logits, positions = self.logits_and_labels(outputs, batch)
        count = self.count_targets(batch)
        total = cross_entropy(logits, positions, reduction="sum")
        loss = Loss(total * count / max(len(positions), 1), count)
        return self.with_loss_keys(loss, outputs, batch, stage)

    def count_targets(self, batch: Batch) -> Tensor:
        """Return the number of windows in the batch, a scalar: the loss is their mean."""
        return torch.tensor(len(batch["start_positions"]), device=self.device)

    def logits_and_labels(self, outputs: ModelOutput, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return start and end logits with their positions, without those outside the window.

        Args:
            outputs: `start_logits` and `end_logits`, each (batch, seq).
            batch: `start_positions` and `end_positions`, each (batch,), int64.

        Returns:
            Logits (labels, seq), float32 or wider, -inf for padding, and positions (labels,),
            int64: all starts, then all ends. labels is 2 * batch, less the masked positions.
        """
        logits = torch.cat([outputs["start_logits"], outputs["end_logits"]])
        if self.formulas >= 2 and "attention_mask" in batch:
            padding = batch["attention_mask"].repeat(2, 1) == 0
            logits = logits.masked_fill(padding, float("-inf"))
        labels = torch.cat([batch["start_positions"], batch["end_positions"]])
        # The model's loss also ignores positions beyond the window.
        return unmasked(logits, labels.masked_fill(labels >= logits.shape[1], IGNORE_INDEX))

    def configure_metrics(self, stage: str) -> dict[str, Metric]:
        """Return the loss and the SQuAD metrics."""
        return {**super().configure_metrics(stage), "squad": SquadScores(self.version)}

    def version(self) -> int:
        """Return the version of the run's formulas, which a resumed fit sets after the metrics."""
        return self.formulas

    def metric_inputs(self, loss: Loss, outputs: ModelOutput, batch: Batch) -> MetricInputs:
        """Return also `records`: the best candidate of each window."""
        found = self.candidates(outputs, batch)
        records = [{**window, "spans": window["spans"][:1]} for window in found]
        return {**super().metric_inputs(loss, outputs, batch), "records": records}

    def evaluated_columns(
        self, outputs: ModelOutput, batch: Batch, inputs: Mapping[str, Any]
    ) -> dict[str, list[Any]]:
        """Return the candidates of each window, for `merge_evaluated`."""
        return {"window": self.candidates(outputs, batch)}

    def merge_evaluated(self, columns: Columns) -> Columns:
        """Return answers, prediction and scores of each question; its windows' mean loss.

        Args:
            columns: `window`, candidates, and `loss`, a value per window.
        """
        losses: dict[str, list[float]] = {}
        for window, loss in zip(columns["window"], columns["loss"], strict=True):
            losses.setdefault(window["key"], []).append(loss)
        questions = merge_windows(columns["window"])
        best = [best_answer(question, self.data.n_best_size) for question in questions]
        scores = [squad_scores([question], self.formulas) for question in questions]
        return {
            "label": [question["answers"] for question in questions],
            "prediction": [answer["answer"] for answer in best],
            "score": [answer["score"] for answer in best],
            **{name: [score[name] for score in scores] for name in ("exact_match", "f1")},
            "loss": [sum(losses[q["key"]]) / len(losses[q["key"]]) for q in questions],
        }

    def predict_step(
        self, batch: Batch, batch_idx: int, dataloader_idx: int = 0
    ) -> list[Candidates]:
        """Return the candidate answers of each window."""
        return self.candidates(self(batch), batch)

    def merge_predictions(self, predictions: list[Candidates]) -> list[Span]:
        """Return `answer`, `score`, `start` and `end` of the best answer to each question."""
        return [
            best_answer(question, self.data.n_best_size) for question in merge_windows(predictions)
        ]

    def candidates(self, outputs: ModelOutput, batch: Batch) -> list[Candidates]:
        """Return the candidate answers of each window.

        Args:
            outputs: `start_logits` and `end_logits`, each (batch, seq).
            batch: `window` (batch, bytes), uint8.
        """
        data = self.data
        threshold = data.null_score_diff_threshold if data.version_2_with_negative else None
        return [
            candidates(
                json.loads(window),
                *logits,
                n_best=data.n_best_size,
                max_answer_length=data.max_answer_length,
                null_threshold=threshold,
            )
            for window, *logits in zip(
                decode_texts(batch["window"]),
                outputs["start_logits"].float().cpu(),
                outputs["end_logits"].float().cpu(),
                strict=True,
            )
        ]
