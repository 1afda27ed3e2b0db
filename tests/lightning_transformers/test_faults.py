"""The generated test of a task reports a fault that shows in a run, at the line of the code."""

from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor

from lightning_transformers.base.types import Batch, Loss
from lightning_transformers.task.nlp.text_classification import TextClassificationTransformer
from tests.helpers.contracts import contract

TASK = "nlp/text_classification"
Plain = TextClassificationTransformer


class DetachesLoss(Plain):
    def compute_loss(self, outputs: Any, batch: Batch, stage: str) -> Loss:  # here
        loss = super().compute_loss(outputs, batch, stage)
        return Loss(loss.total.detach(), loss.count)


class DetachesStep(Plain):
    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:  # here
        return super().training_step(batch, batch_idx).detach()


class DetachesLogits(Plain):
    def forward(self, batch: Batch) -> Any:  # here
        with torch.no_grad():
            outputs = super().forward(batch)
        return type(outputs)(loss=outputs.loss, logits=outputs.logits)


class FreezesAll(Plain):
    def setup(self, stage: str) -> None:  # here
        self.requires_grad_(False)


class FreezesHead(Plain):
    def build_model(self) -> Any:  # here
        model = super().build_model()
        for name, parameter in model.named_parameters():
            parameter.requires_grad = not name.startswith(("classifier", "pre_classifier"))
        return model


class LossPerExample(Plain):
    def compute_loss(self, outputs: Any, batch: Batch, stage: str) -> Loss:  # here
        terms = torch.nn.functional.cross_entropy(
            *self.logits_and_labels(outputs, batch), reduction="none"
        )
        return Loss(terms, self.count_targets(batch))


class LossOfOneElement(Plain):
    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:  # here
        return super().training_step(batch, batch_idx)[None]


class WrongShape(Plain):
    def compute_loss(self, outputs: Any, batch: Batch, stage: str) -> Loss:
        logits, labels = self.logits_and_labels(outputs, batch)
        total = torch.nn.functional.cross_entropy(logits[1:], labels)  # here
        return Loss(total, self.count_targets(batch))


class ChangesBatch(Plain):
    def shared_step(self, batch: Batch, stage: str) -> Any:  # here
        batch["input_ids"][:, 0] = 0
        return super().shared_step(batch, stage)


class TakesLabels(Plain):
    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:  # here
        loss = super().training_step(batch, batch_idx)
        batch.pop("labels")
        return loss


class KeepsLosses(Plain):
    losses: ClassVar[list[float]] = []  # here

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        loss = super().training_step(batch, batch_idx)
        self.losses.append(loss.item())
        return loss


STEPS = [0]  # here: KeepsCount


class KeepsCount(Plain):
    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        STEPS[0] += 1
        return super().training_step(batch, batch_idx) * STEPS[0]


class DropsMetrics(Plain):
    def configure_metrics(self, stage: str) -> dict[str, Any]:  # here
        return {}


FAULTS: dict[type[Plain], str] = {
    DetachesLoss: "compute_loss returns a value without a gradient",
    DetachesStep: "training_step returns a value without a gradient",
    DetachesLogits: "forward returns a value without a gradient",
    FreezesAll: "setup freezes every parameter",
    FreezesHead: "build_model freezes the head",
    LossPerExample: "compute_loss returns a loss of shape",
    LossOfOneElement: "training_step returns a loss of shape (1,)",
    WrongShape: "ValueError: Expected input batch_size",
    ChangesBatch: "shared_step changes its batch",
    TakesLabels: "training_step changes its batch",
    KeepsLosses: "losses is shared by all runs",
    KeepsCount: "two runs with the same seed differ",
    DropsMetrics: "(configure_metrics): the validation logs no val/loss",
}


def line_of(cls: type) -> int:
    """Return the line that is marked as the one at fault."""
    lines = Path(__file__).read_text().splitlines()
    marked = [n for n, line in enumerate(lines, 1) if line.endswith(f"# here: {cls.__name__}")]
    start = lines.index(f"class {cls.__name__}(Plain):")
    return [
        *marked,
        *(n for n, line in enumerate(lines, 1) if n > start and line.endswith("# here")),
    ][0]


@pytest.mark.parametrize("cls", FAULTS)
def test_fault_is_reported_at_its_line(cls: type[Plain], tmp_path: Path) -> None:
    with pytest.raises(AssertionError) as failed:
        contract(cls, TASK).test_trains(tmp_path)
    message = str(failed.value)
    assert message.startswith(f"{__file__}:{line_of(cls)}")
    assert FAULTS[cls] in message


def test_head_may_be_frozen_on_purpose(tmp_path: Path) -> None:
    test = contract(FreezesHead, TASK)
    kept = lambda self, due: {name for name in due if "classifier" not in name}  # noqa: E731
    type(test).parameters_to_change = kept  # type: ignore[method-assign]
    test.test_trains(tmp_path)


class Copies(Plain):
    """Legitimate code: a static method, a changed copy of the batch, own state, and a cache."""

    lengths: ClassVar[dict[int, int]] = {}

    @staticmethod
    def count_targets(batch: Batch) -> Tensor:
        return torch.tensor(len(batch["labels"]))

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        self.seen = [*getattr(self, "seen", []), batch_idx]
        self.lengths.setdefault(batch_idx, len(batch["labels"]))
        batch = {**batch, "input_ids": batch["input_ids"].roll(1, -1)}
        return super().training_step(batch, batch_idx)


def test_legitimate_code_is_no_fault(tmp_path: Path) -> None:
    contract(Copies, TASK).test_trains(tmp_path)
