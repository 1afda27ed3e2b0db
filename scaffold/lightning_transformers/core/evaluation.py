"""The part of a task that validates and tests: steps, metrics, and what is recorded of both."""

from abc import abstractmethod
from typing import cast

from torch import nn
from torchmetrics import Metric, MetricCollection
from transformers.utils.generic import ModelOutput

from lightning_transformers.base.types import Batch, Loss
from lightning_transformers.core.prediction import EvaluatedColumns
from lightning_transformers.training.metrics import MeanLoss, MetricInputs, require_scalar

BAR_METRICS = 4  # of a stage, in the progress bar


class EvaluatedModule(EvaluatedColumns):
    """The methods of `TaskTransformer` from an evaluated batch to the logged metrics."""

    metrics: nn.ModuleDict

    @abstractmethod
    def shared_step(self, batch: Batch, stage: str) -> tuple[Loss, ModelOutput]:
        """Return loss and outputs, see `TaskTransformer`; tensors of a batch are `(batch, …)`."""

    def validation_step(self, batch: Batch, batch_idx: int, dataloader_idx: int = 0) -> None:
        """Update the validation metrics with a batch, each tensor `(batch, …)`."""
        self.update_metrics(*self.shared_step(batch, "val"), batch, "val")

    def test_step(self, batch: Batch, batch_idx: int, dataloader_idx: int = 0) -> None:
        """Update the test metrics with a batch, each tensor `(batch, …)`."""
        self.update_metrics(*self.shared_step(batch, "test"), batch, "test")

    def on_validation_epoch_end(self) -> None:
        """Log the validation metrics."""
        self._log_metrics("val")

    def on_test_epoch_end(self) -> None:
        """Log the test metrics."""
        self._log_metrics("test")

    def configure_metrics(self, stage: str) -> dict[str, Metric]:
        """Return the metrics of a stage by name; they are logged as `<stage>/<name>`.

        A metric whose `compute` returns a dict is logged under the dict's keys.

        Args:
            stage: `val` or `test`.
        """
        return {"loss": MeanLoss()}

    def metric_inputs(self, loss: Loss, outputs: ModelOutput, batch: Batch) -> MetricInputs:
        """Return the arguments of the metrics' `update` methods, by name.

        Args:
            loss: the loss of the batch.
            outputs: the outputs of `forward`.
            batch: inputs and `labels`, each `(batch, …)`.

        Returns:
            `total` and `count`, scalars. A subclass adds others, such as `preds` and `target`.
        """
        return {"total": loss.total, "count": loss.count}

    def update_metrics(self, loss: Loss, outputs: ModelOutput, batch: Batch, stage: str) -> None:
        """Update each metric with the `metric_inputs` that it takes; each tensor `(batch, …)`."""
        inputs = self.metric_inputs(loss, outputs, batch)
        self._stage_metrics(stage).update(**inputs)
        if self.recording is not None:
            self.recording.add(self, outputs, batch, inputs, stage)

    def _log_metrics(self, stage: str) -> None:
        metrics = self._stage_metrics(stage)
        for number, (name, value) in enumerate(metrics.compute().items()):
            require_scalar(name, value, f"{type(self).__name__}.configure_metrics")
            self.log(name, value, prog_bar=number < BAR_METRICS)
        metrics.reset()

    def _stage_metrics(self, stage: str) -> MetricCollection:
        return cast(MetricCollection, self.metrics[stage])
