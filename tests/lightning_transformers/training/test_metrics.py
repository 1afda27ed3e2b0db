"""Each metric of a stage covers every batch of its own run, at full precision."""

from pathlib import Path
from typing import Any

import pytest
import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from sklearn.metrics import f1_score, matthews_corrcoef, precision_score, recall_score
from torch import Tensor
from torch.nn.functional import cross_entropy, one_hot
from torch.utils.data import DataLoader
from torchmetrics import MeanSquaredError, Metric, MetricCollection
from transformers.utils.generic import ModelOutput

from lightning_transformers.core import Batch, Loss
from lightning_transformers.task.nlp.masked_language_modeling import (
    MaskedLanguageModelingTransformer,
)
from lightning_transformers.training.metrics import ClassScores, MeanLoss, StageMetrics
from tests.helpers.language_modeling import TINY, Recorder, model, sample, trainer


class PartLoss(MeanLoss):
    """The loss of a subset of rows."""

    def update(self, part_total: Tensor, part_count: Tensor) -> None:
        """Add a batch."""
        super().update(part_total, part_count)


class InParts(Recorder):
    """Also reports the loss of a subset of rows."""

    def configure_metrics(self, stage: str) -> dict[str, Metric]:
        return {**super().configure_metrics(stage), "a_part": PartLoss()}

    def forward(self, batch: Batch) -> ModelOutput:
        return super().forward({key: value for key, value in batch.items() if key != "part"})

    def metric_inputs(self, loss: Loss, outputs: ModelOutput, batch: Batch) -> dict[str, Any]:
        rows = batch["part"]
        logits, labels = outputs["logits"][rows, :-1], batch["labels"][rows, 1:]
        total = cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="sum")
        part = {"part_total": total, "part_count": torch.tensor(labels.numel())}
        return {**super().metric_inputs(loss, outputs, batch), **part}


def test_no_metric_stands_in_for_another(tmp_path: Path) -> None:
    """Even if both are equal in the first batches, whose rows are all in the subset."""
    ids = torch.randint(5, 200, (6, 2, 8), generator=torch.Generator().manual_seed(0))
    batches = [
        {"input_ids": rows, "labels": rows, "part": torch.full((2,), number < 3)}
        for number, rows in enumerate(ids)
    ]

    def losses(batches: list[Batch]) -> tuple[float, float]:
        run = trainer(tmp_path, limit_val_batches=1.0)
        loader = DataLoader(batches, batch_size=None)  # type: ignore[arg-type]
        (found,) = run.validate(model(InParts), loader, verbose=False)
        return found["val/loss"], found["val/a_part"]

    whole, part = losses(batches)
    assert whole != pytest.approx(part, rel=1e-4)
    assert losses(batches[::-1]) == pytest.approx((whole, part))
    # In torchmetrics' own collection, one does.
    group = MetricCollection({"a_part": PartLoss(), "loss": MeanLoss()})
    for total in (1.0, 2.0):
        both = {"total": torch.tensor(total), "part_total": torch.tensor(1.0)}
        group.update(**both, count=torch.tensor(1), part_count=torch.tensor(1))
    assert group.compute()["loss"] == 1.0


def test_sums_keep_their_precision_when_the_model_is_cast() -> None:
    ours = StageMetrics({"mse": MeanSquaredError(), "loss": MeanLoss()}, "val/")
    theirs = MetricCollection({"mse": MeanSquaredError()}, prefix="val/")
    for metrics in (ours, theirs):
        metrics.to(torch.bfloat16)
        for _ in range(1000):
            values = {"preds": torch.ones(1), "target": torch.zeros(1)}
            metrics.update(**values, total=torch.tensor(1.0), count=torch.tensor(1))
    assert ours.compute() == {"val/mse": 1.0, "val/loss": 1.0}
    assert theirs["mse"].sum_squared_error < 1000


@pytest.mark.parametrize("classes", [2, 5])
def test_scores_of_classes_are_those_of_scikit_learn(classes: int) -> None:
    """Over all batches, also one without labels, and without the last of five classes."""
    draw = torch.Generator().manual_seed(0)
    seen = min(classes, 4)
    true, found = (torch.randint(seen, (60,), generator=draw) for _ in range(2))
    scores = ClassScores(classes)
    for part in (slice(0, 20), slice(20, 20), slice(20, 60)):
        scores.update(one_hot(found[part], classes).float(), true[part])
    y = {"y_true": true, "y_pred": found}
    expected = {f"f1_{a}": f1_score(average=a, **y) for a in ("macro", "micro", "weighted")}
    expected["precision"] = precision_score(average="macro", **y)
    expected["recall"] = recall_score(average="macro", **y)
    expected["matthews"] = matthews_corrcoef(**y)
    if classes == 2:
        expected["f1_positive"] = f1_score(**y)
    assert {name: float(value) for name, value in scores.compute().items()} == pytest.approx(
        expected
    )


class BreakOff(Callback):
    """Interrupts a validation after its first batch."""

    def on_validation_batch_end(self, trainer: Trainer, *_: Any) -> None:
        raise RuntimeError("broken off")


def test_a_validation_that_was_broken_off_does_not_count_for_the_next(tmp_path: Path) -> None:
    task, data = model(), sample()
    run = trainer(tmp_path, limit_val_batches=3)
    (expected,) = run.validate(task, datamodule=data, verbose=False)
    with pytest.raises(RuntimeError, match="broken off"):
        trainer(tmp_path, callbacks=[BreakOff()]).validate(task, datamodule=data, verbose=False)
    assert run.validate(task, datamodule=data, verbose=False) == [expected]


class Masked(Callback):
    """Masks all labels of the first batch."""

    def on_validation_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int, *_: Any
    ) -> None:
        if batch_idx == 0:
            batch["labels"][:] = -100


def test_batches_without_any_label_count_nothing(tmp_path: Path) -> None:
    task = MaskedLanguageModelingTransformer(
        {"pretrained_model_name_or_path": f"{TINY}/bert", "random_weights": True}
    )
    ids = torch.randint(5, 200, (2, 8))

    def validated(*batches: int) -> Any:
        rows = [{"input_ids": ids, "labels": ids.clone()} for _ in batches]
        loader = DataLoader(rows, batch_size=None)  # type: ignore[arg-type]
        callbacks = [Masked()] if len(batches) > 1 else []
        run = trainer(tmp_path, callbacks=callbacks, limit_val_batches=1.0)
        return run.validate(task, loader, verbose=False)[0]

    assert validated(0, 1) == pytest.approx(validated(0))
