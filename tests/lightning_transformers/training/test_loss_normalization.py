"""A step on accumulated batches equals a step on one batch of all rows."""

import math
import os
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader
from transformers.utils.generic import ModelOutput

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.core import Batch, Loss, TaskTransformer
from lightning_transformers.data.dataloaders import even_batch_size
from lightning_transformers.task.nlp.language_modeling import LanguageModelingTransformer
from lightning_transformers.training.loss_normalization import TokenWeighting
from tests.helpers import warm
from tests.helpers.ddp_weighting import ODD, WEIGHTED
from tests.helpers.language_modeling import Recorder, model, sample, trainer
from tests.helpers.python_path import PATHS
from tests.helpers.rendered import BASES, suitable
from tests.helpers.slow import sampled
from tests.helpers.weighting_runs import (
    BATCHES,
    parts_of,
    relative_error,
    task_and_batch,
    update,
)

CHANGE_THE_LOSS = {"adversarial", "auxiliary_loss", "custom_loss", "label_smoothing", "r_drop"}
SEVERAL_LABELS = ("question_answering", "summarization", "token_classification")
"""Bases with a loss of spans, of generated tokens and of labels of tokens."""
BOUND = {"64-true": 1e-6, "32-true": 1e-5}


@cache
def update_of(
    base: str, batches: int, precision: str, *recipes: str, plain: bool = False
) -> Tensor:
    task, batch = task_and_batch(base, *recipes, plain=plain)
    return update(task, parts_of(batch, batches), precision=precision)


@pytest.mark.parametrize(
    ("base", "precision"),
    [
        *((base, "64-true") for base in BASES),
        ("language_modeling", "32-true"),
        *(
            pytest.param(base, "32-true", marks=pytest.mark.slow)
            for base in BASES
            if base != "language_modeling"
        ),
    ],
)
def test_parts_of_a_batch_give_its_update(base: str, precision: str) -> None:
    whole = update_of(base, 1, precision)
    for batches in BATCHES:
        error = relative_error(update_of(base, batches, precision), whole)
        assert error < BOUND[precision], f"{batches} batches: {error}"


@pytest.mark.parametrize("base", sampled(BASES, ["language_modeling"]))
def test_plain_lightning_gives_another_update(base: str) -> None:
    whole = update_of(base, 1, "64-true")
    apart = relative_error(update_of(base, 4, "64-true", plain=True), whole)
    assert not apart < 0.05  # NaN if a batch has no label


@pytest.mark.parametrize("base", sampled(BASES, ["language_modeling", *SEVERAL_LABELS]))
def test_recipes_that_change_the_loss_are_weighed_too(base: str) -> None:
    recipes = sorted(CHANGE_THE_LOSS & set(suitable(base)))
    whole = update_of(base, 1, "64-true", *recipes)
    assert relative_error(whole, update_of(base, 1, "64-true")) > 0.01
    assert relative_error(update_of(base, 4, "64-true", *recipes), whole) < 1e-6


class OwnBatches(Recorder):
    """A task with a custom step, on batches that are lists, tuples or tensors."""

    kind: str = "list"

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        """Return the loss of a batch without keys."""
        ids = batch if self.kind == "tensor" else batch[0]
        return self.model(input_ids=ids, labels=ids).loss  # type: ignore[no-any-return]


def fit_own_batches(
    folder: Path, batches: int, kind: str, cls: type[OwnBatches] = OwnBatches
) -> int:
    """Return the number of optimizer steps on this number of batches, accumulated."""
    ids = torch.randint(0, 2000, (2, 8))
    rows = [{"list": [ids], "tuple": (ids, 1), "tensor": ids}[kind]] * batches
    run = trainer(folder, accumulate_grad_batches=batches)
    run.fit(
        model(cls, kind=kind), DataLoader(rows, batch_size=None, collate_fn=lambda batch: batch)
    )
    return run.global_step


@pytest.mark.parametrize("kind", ["list", "tuple", "tensor"])
@pytest.mark.parametrize("batches", [1, 2])
def test_batches_of_another_kind_count_alike(batches: int, kind: str, tmp_path: Path) -> None:
    assert fit_own_batches(tmp_path, batches, kind) == 1


class Uncounted(OwnBatches):
    """A task without a number of targets."""

    def count_targets(self, batch: Any) -> Tensor:
        """Raise."""
        raise RuntimeError("nobody counts")


def test_targets_are_counted_only_if_there_is_something_to_weigh(tmp_path: Path) -> None:
    assert fit_own_batches(tmp_path, 1, "list", Uncounted) == 1
    with pytest.raises(RuntimeError, match="nobody counts"):
        fit_own_batches(tmp_path, 2, "list", Uncounted)


def test_a_count_may_be_on_another_device_than_the_loss() -> None:
    """NCCL only reduces tensors on a GPU; here the meta device stands for one."""
    summed: list[str] = []

    def reduce(value: Tensor, reduce_op: str) -> Tensor:
        summed.append(value.device.type)
        return value

    strategy = SimpleNamespace(reduce=reduce, handles_gradient_accumulation=True)
    run: Any = SimpleNamespace(accumulate_grad_batches=1, world_size=2, strategy=strategy)
    loss = torch.ones((), device="meta")
    weight = TokenWeighting().weigh(loss, lambda: torch.tensor(3), run)
    assert weight is not None
    assert weight.device == loss.device
    assert summed == ["meta"]


class WithOwnMask(LanguageModelingTransformer):
    """A task with a custom step, whose loss is a mean over other tokens."""

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Train on two of three tokens."""
        labels = batch["labels"].masked_fill(batch["input_ids"] % 3 == 0, -100)
        loss, _ = self.shared_step({**batch, "labels": labels}, "train")
        return loss.mean


class ByRow(LanguageModelingTransformer):
    """A task with a custom step, whose loss is a mean over rows."""

    def compute_loss(self, outputs: ModelOutput, batch: Batch, stage: str) -> Loss:
        """Return the mean over the tokens of each row."""
        labels = batch["labels"][:, 1:]
        terms = cross_entropy(outputs["logits"][:, :-1].mT, labels, reduction="none").sum(1)
        return Loss((terms / (labels != -100).sum(1).clamp(min=1)).sum(), torch.tensor(len(terms)))

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the loss without `shared_step`."""
        return self.compute_loss(self(batch), batch, "train").mean


class OneMoreEach:
    """A mixin that adds a loss term of 0 per row."""

    def compute_loss(self, outputs: ModelOutput, batch: Batch, stage: str) -> Loss:
        """Return the loss with these terms."""
        loss: Loss = super().compute_loss(outputs, batch, stage)  # type: ignore[misc]
        return Loss(loss.total, loss.count + len(batch["labels"]))


class WithMixin(OneMoreEach, LanguageModelingTransformer):
    """A task with a custom step and the loss of a mixin."""

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the loss without `shared_step`."""
        return self.compute_loss(self(batch), batch, "train").mean


class WithOwnBackward(LanguageModelingTransformer):
    """A task whose hook does not call `super()`."""

    def backward(self, loss: Tensor, *args: Any, **kwargs: Any) -> None:
        """Call backward."""
        loss.backward(*args, **kwargs)


class Lightly(LanguageModelingTransformer):
    """A task whose loss terms have weights far below 1."""

    def compute_loss(self, outputs: ModelOutput, batch: Batch, stage: str) -> Loss:
        """Return the weighted loss of `cross_entropy(weight=…)`."""
        logits, labels = self.logits_and_labels(outputs, batch)
        weight = 1e-4 + 1e-6 * torch.arange(logits.shape[-1], dtype=logits.dtype)
        total = cross_entropy(logits, labels, weight, reduction="sum")
        return Loss(total, weight[labels].sum())


class Skipping(LanguageModelingTransformer):
    """A task that skips a batch after its forward."""

    def training_step(self, batch: Batch, batch_idx: int) -> Any:
        """Return None for the second batch, and another loss for the others."""
        if batch_idx == 1:
            super().training_step(batch, batch_idx)
            return None
        return self.model(**batch).loss


OWN = (WithOwnMask, ByRow, WithMixin, WithOwnBackward, Lightly)


def own_update(cls: type[TaskTransformer], batches: list[Batch]) -> Tensor:
    task, _ = task_and_batch("language_modeling")
    task.__class__ = cls
    return update(task, batches, precision="64-true")


@pytest.mark.parametrize("cls", OWN)
def test_steps_and_losses_of_the_user_are_weighed_by_their_terms(
    cls: type[TaskTransformer],
) -> None:
    _, batch = task_and_batch("language_modeling")
    whole = own_update(cls, [batch])
    assert relative_error(own_update(cls, parts_of(batch, 4)), whole) < 1e-6
    if cls is not WithOwnBackward:
        assert relative_error(whole, update_of("language_modeling", 1, "64-true")) > 0.01


def test_batch_that_is_left_out_does_not_count_for_the_next() -> None:
    _, batch = task_and_batch("language_modeling")
    first, left_out, *others = parts_of(batch, 4)
    rows = {key: torch.cat([part[key] for part in (first, *others)]) for key in batch}
    whole = own_update(LanguageModelingTransformer, [rows])
    assert relative_error(own_update(Skipping, [first, left_out, *others]), whole) < 1e-6


def test_optimizer_that_evaluates_a_batch_again_has_steps_of_one(tmp_path: Path) -> None:
    task, batch = task_and_batch("language_modeling")
    task.optimizer_config = {"_target_": "torch.optim.LBFGS", "max_iter": 3}
    assert update(task, [batch]).norm() > 0
    with pytest.raises(ConfigurationError, match=r"LBFGS evaluates .*accumulate_grad_batches=1"):
        update(task, parts_of(batch, 2))


def on_two_ranks_with(bases: Iterable[str], folder: Path) -> dict[str, Any]:
    """Return the results of `ddp_weighting`."""
    module = "tests.helpers.ddp_weighting"
    command = ("python", "-m", "tests.helpers.ranks", module, "results.pt", *bases)
    done = warm.run(command, folder, os.environ | {"PYTHONPATH": PATHS})
    assert done.returncode == 0, done.stderr
    return torch.load(folder / "results.pt")  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def two_processes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return on_two_ranks_with(SEVERAL_LABELS, tmp_path_factory.mktemp("two_processes"))


on_two_ranks = pytest.mark.xdist_group("loss normalization on two ranks")  # they share one launch


@on_two_ranks
@pytest.mark.parametrize(
    ("kind", "recipes"),
    sampled(
        [("updates", ()), ("recipes", ("label_smoothing", "custom_loss")), ("sharded", ())],
        [("updates", ())],
    ),
)
def test_two_processes_give_the_update_of_one(
    kind: str, recipes: tuple[str, ...], two_processes: dict[str, Any]
) -> None:
    whole = update_of("language_modeling", 1, "64-true", *recipes)
    precise = 1e-5 if kind == "sharded" else 1e-6  # shards are in float32
    for batches, changes in two_processes[kind].items():
        assert relative_error(changes, whole) < precise, batches


@on_two_ranks
def test_two_processes_weigh_classes_as_one(two_processes: dict[str, Any]) -> None:
    task, batch = task_and_batch("text_classification", **WEIGHTED)
    whole = update(task, [batch], precision="64-true")
    assert relative_error(two_processes["weights of classes"][4], whole) < 1e-6


@on_two_ranks
@pytest.mark.parametrize("base", SEVERAL_LABELS)
def test_two_processes_give_the_update_of_one_for(base: str, two_processes: dict[str, Any]) -> None:
    assert relative_error(two_processes["bases"][base], update_of(base, 1, "64-true")) < 1e-6


@pytest.mark.slow
def test_two_processes_give_the_update_of_one_for_all_bases(tmp_path: Path) -> None:
    for base, changes in on_two_ranks_with(BASES, tmp_path)["bases"].items():
        assert relative_error(changes, update_of(base, 1, "64-true")) < 1e-6, base


@on_two_ranks
def test_two_processes_of_plain_lightning_give_another(two_processes: dict[str, Any]) -> None:
    whole = update_of("language_modeling", 1, "64-true")
    for changes in two_processes["plain updates"].values():
        assert not relative_error(changes, whole) < 0.05


@on_two_ranks
def test_two_processes_validate_each_row_once(
    two_processes: dict[str, Any], tmp_path: Path
) -> None:
    (alone,) = trainer(tmp_path).validate(model(), sample(**ODD), verbose=False)
    assert two_processes["metrics"] == pytest.approx(alone, rel=1e-6)
    # Plain Lightning counts one row twice.
    assert two_processes["plain metrics"] != pytest.approx(alone, rel=1e-6)


@given(st.integers(1, 500), st.integers(1, 8), st.integers(1, 40))
def test_processes_have_the_same_number_of_batches(rows: int, processes: int, wanted: int) -> None:
    if rows < processes:
        with pytest.raises(ConfigurationError, match=rf"{rows} rows .* for {processes} processes"):
            even_batch_size(rows, processes, wanted)
        return
    size = even_batch_size(rows, processes, wanted)
    shares = [len(range(rank, rows, processes)) for rank in range(processes)]
    assert len({math.ceil(share / size) for share in shares}) == 1
