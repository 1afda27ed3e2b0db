"""A validation before the first step finds mistakes in what is monitored, and changes no run."""

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pytorch_lightning import Callback
from pytorch_lightning.callbacks import EarlyStopping, ModelCheckpoint
from torchmetrics import Metric

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.core import Batch
from lightning_transformers.models.backbone import Backbone
from lightning_transformers.runs.train import train
from lightning_transformers.task.nlp.language_modeling import LanguageModelingTransformer
from lightning_transformers.task.nlp.question_answering.scores import SquadScores
from lightning_transformers.task.nlp.text_classification import (
    TextClassificationDataModule,
    TextClassificationTransformer,
)
from lightning_transformers.training.metrics import MeanLoss, StageMetrics
from tests.helpers.language_modeling import ADAMW, TINY, model, sample, trainer

SHORT = {"limit_train_batches": 2, "limit_val_batches": 2, "num_sanity_val_steps": 1}
PLATEAU = "lightning_transformers.training.schedules.ReduceOnPlateau"


class DrawsNumbers:
    """Draws from all global generators in each validation step, and logs a metric of its own."""

    def validation_step(self, batch: Batch, batch_idx: int, dataloader_idx: int = 0) -> None:
        torch.rand(3), np.random.rand(3), random.random()
        super().validation_step(batch, batch_idx)  # type: ignore[misc]
        self.log("val/own", 1.0)  # type: ignore[attr-defined]
        self.seen = getattr(self, "seen", 0) + 1

    def training_step(self, batch: Batch, batch_idx: int) -> torch.Tensor:
        factor = torch.rand(()) + np.random.rand() + random.random()
        self.steps = getattr(self, "steps", 0) + 1
        loss: torch.Tensor = super().training_step(batch, batch_idx)  # type: ignore[misc]
        return loss * factor


class Language(DrawsNumbers, LanguageModelingTransformer):
    """A language model."""


class Classifier(DrawsNumbers, TextClassificationTransformer):
    """A classifier."""


def language(**arguments: Any) -> tuple[Any, Any]:
    short = {"block_size": 16, "batch_size": 4, "limit_train_samples": 16, "limit_val_samples": 16}
    return model(Language, **arguments), sample(**short)


def classifier(cls: type[Any] = Classifier, **arguments: Any) -> tuple[Any, Any]:
    data = TextClassificationDataModule(
        Backbone(f"{TINY}/bert").load_tokenizer(),
        dataset_name="sample",
        max_length=16,
        batch_size=4,
        limit_train_samples=16,
        limit_val_samples=8,
    )
    backbone = {"pretrained_model_name_or_path": f"{TINY}/bert", "random_weights": True}
    torch.manual_seed(0)
    kwargs = data.model_data_kwargs
    return cls(backbone, optimizer=ADAMW, model_data_kwargs=kwargs, **arguments), data


bases = pytest.mark.parametrize("base", [language, classifier])


def fit(base: Any, folder: Path, **arguments: Any) -> tuple[Any, Any, dict[str, float]]:
    """Return the task, the trainer and the metrics of a fit."""
    task, data = base()
    for seed in (torch.manual_seed, np.random.seed, random.seed):
        seed(1)
    checkpoint = arguments.pop("checkpoint_path", None)
    run = trainer(folder, **SHORT | arguments)
    return task, run, train(task, data, run, checkpoint_path=checkpoint)


def assert_equal(ours: Any, theirs: Any) -> None:
    assert ours[2] == theirs[2], "metrics"
    for a, b in zip(ours[0].parameters(), theirs[0].parameters(), strict=True):
        assert torch.equal(a, b)


def saving(callback: Callback) -> dict[str, Any]:
    """Return the arguments of a trainer with a callback."""
    return {"callbacks": [callback], "enable_checkpointing": True, **SHORT}


@bases
def test_a_run_is_the_same_with_the_check(base: Any, tmp_path: Path) -> None:
    checked = fit(base, tmp_path)
    assert (checked[0].seen, checked[0].steps) == (3, 2)
    assert_equal(fit(base, tmp_path, num_sanity_val_steps=0), checked)


@bases
def test_a_resumed_run_is_exact(base: Any, tmp_path: Path) -> None:
    whole = fit(base, tmp_path, max_epochs=2)
    fit(base, tmp_path)[1].save_checkpoint(tmp_path / "half.ckpt")
    resumed = fit(base, tmp_path, max_epochs=2, checkpoint_path=str(tmp_path / "half.ckpt"))
    assert resumed[0].seen == 3, "the check runs"
    assert_equal(resumed, whole)


def test_a_resumed_run_keeps_its_mode(tmp_path: Path) -> None:
    """A run of an earlier version may have one that contradicts its metric."""
    stopping = {"callbacks": [EarlyStopping("val/perplexity", mode="max")]}
    fit(language, tmp_path, num_sanity_val_steps=0, **stopping)[1].save_checkpoint(
        tmp_path / "half.ckpt"
    )
    path = str(tmp_path / "half.ckpt")
    assert fit(language, tmp_path, max_epochs=2, checkpoint_path=path, **stopping)[0].steps == 2


def test_a_validation_before_the_fit_replaces_the_check(tmp_path: Path) -> None:
    (task, data), run = language(), trainer(tmp_path, **SHORT)
    train(task, data, run, validate_before_fit=True)
    assert task.seen == 4


MISTAKES: dict[str, tuple[Any, Callback, str]] = {
    "near": (
        language,
        EarlyStopping("val_loss"),
        r"EarlyStopping monitors val_loss, which the validation does not log \(did you mean "
        r"'val/loss'\?\): it logs val/loss, val/own, val/perplexity",
    ),
    "unknown": (
        classifier,
        ModelCheckpoint(monitor="val/kappa", mode="max"),
        r"monitors val/kappa, .*: it logs val/accuracy, .*, val/matthews, val/own, val/precision",
    ),
    "dict": (
        classifier,
        ModelCheckpoint(monitor="val/f1_macro"),
        "monitors val/f1_macro with mode=min, but higher values are better: set mode=max",
    ),
    "loss": (
        language,
        EarlyStopping("val/perplexity", mode="max"),
        "monitors val/perplexity with mode=max, but lower values are better: set mode=min",
    ),
}


@pytest.mark.parametrize("case", MISTAKES)
@pytest.mark.parametrize("validates", [False, True])
def test_a_mistake_is_found_before_the_first_step(
    case: str, validates: bool, tmp_path: Path
) -> None:
    base, callback, message = MISTAKES[case]
    (task, data), run = base(), trainer(tmp_path, **saving(callback))
    with pytest.raises(ConfigurationError, match=message):
        train(task, data, run, validate_before_fit=validates)
    assert not hasattr(task, "steps")


def test_early_stopping_needs_a_validation(tmp_path: Path) -> None:
    none = {"limit_val_batches": 0}
    with pytest.raises(ConfigurationError, match=r"nothing is validated \(trainer\.limit_val"):
        fit(language, tmp_path, callbacks=[EarlyStopping("val/loss")], **none)
    fit(language, tmp_path, **saving(ModelCheckpoint(tmp_path, monitor="val/loss")) | none)


@pytest.mark.parametrize(
    "monitor",
    [
        EarlyStopping("train/loss"),
        EarlyStopping("other", strict=False),
        EarlyStopping("val/own", mode="max"),
    ],
)
def test_what_may_be_right_is_accepted(monitor: Callback, tmp_path: Path) -> None:
    assert fit(language, tmp_path, callbacks=[monitor], log_every_n_steps=1)[0].steps == 2


def test_the_schedule_is_checked(tmp_path: Path) -> None:
    wrong = {"_target_": PLATEAU, "monitor": "val/f1", "mode": "min"}
    with pytest.raises(ConfigurationError, match="ReduceOnPlateau monitors val/f1 with mode=min"):
        fit(lambda: classifier(scheduler=wrong), tmp_path)


def test_a_plateau_lowers_the_rate(tmp_path: Path) -> None:
    schedule = {"_target_": PLATEAU, "monitor": "val/own", "mode": "min", "patience": 0}
    run = fit(lambda: classifier(scheduler=schedule), tmp_path, max_epochs=3)[1]
    assert run.optimizers[0].param_groups[0]["lr"] == pytest.approx(ADAMW["lr"] * 0.01)
    task, _ = classifier(scheduler=schedule | {"monitor": "val/f1", "mode": "auto"})
    optimizer = torch.optim.SGD(task.parameters(), lr=1.0)
    assert task.build_scheduler(optimizer).mode == "max"


class Vector(MeanLoss):
    """No scalar."""

    def compute(self) -> torch.Tensor:
        return torch.ones(3)


class Fails(MeanLoss):
    """An error of the user's code."""

    def compute(self) -> torch.Tensor:
        raise KeyError("mine")


@pytest.mark.parametrize("parent", [Language, Classifier])
def test_a_metric_that_is_no_scalar_or_fails(parent: type[Any], tmp_path: Path) -> None:
    class Task(parent):  # type: ignore[misc]
        def configure_metrics(self, stage: str) -> dict[str, Metric]:
            return {**super().configure_metrics(stage), "mine": self.kind()}

    build = {Language: lambda: (model(Task), language()[1]), Classifier: lambda: classifier(Task)}
    Task.kind = Vector
    message = r"Task\.configure_metrics: the metric val/mine is a tensor of shape \(3,\), not a sca"
    with pytest.raises(ConfigurationError, match=message):
        fit(build[parent], tmp_path)
    Task.kind = Fails
    with pytest.raises(KeyError, match="mine") as raised:
        fit(build[parent], tmp_path)
    (note,) = raised.value.__notes__
    assert "before the first step; trainer.num_sanity_val_steps=0 omits it" in note


def test_scores_that_a_batch_may_lack_are_known() -> None:
    metrics = StageMetrics({"squad": SquadScores()}, prefix="val/")
    assert metrics.directions() == {}, "nothing to compute from"
    answers = {"text": ["a"], "answer_start": [0]}
    record = {"key": "1", "answers": answers["text"], "candidates": [], "null_score": 0.0}
    metrics["squad"].score = lambda records: {"f1": 1.0}  # type: ignore[assignment, misc]
    metrics["squad"].update([record])
    assert metrics.directions()["val/no_answer_accuracy"] is True
