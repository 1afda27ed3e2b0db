"""A checkpoint names the classes that it was trained with, and what they add to their bases."""

from typing import Any

from lightning_transformers.core import TaskTransformer, TransformerDataModule
from lightning_transformers.task.nlp.text_classification import (
    TextClassificationDataModule,
    TextClassificationTransformer,
)
from lightning_transformers.training.checkpoint_identity import class_record, lost_members

PACKAGE = "lightning_transformers.task.nlp.text_classification"


class Mixed:
    """A mixin of a project."""

    def configure_gradient_clipping(self, *_: Any) -> None:
        """Clip nothing."""


class First(Mixed, TextClassificationTransformer):
    """A task of a project."""

    smoothing: float = 0.1

    def compute_loss(self, *arguments: Any) -> Any:
        """Return the loss."""
        return super().compute_loss(*arguments)

    def helper(self) -> None:
        """Do nothing that the base class does."""


class Second(First):
    """A task that is based on another one of the project."""

    @property
    def hf_pipeline(self) -> Any:
        """No pipeline."""


class OtherLoss(TextClassificationTransformer):
    """Another task with a loss of its own."""

    def compute_loss(self, *arguments: Any) -> Any:
        """Return the loss."""
        return super().compute_loss(*arguments)


def test_overrides_of_all_classes_of_the_project_are_recorded() -> None:
    assert class_record(Second, TaskTransformer) == {
        "name": f"{__name__}.Second",
        "base": f"{PACKAGE}.model.TextClassificationTransformer",
        "methods": ["compute_loss", "configure_gradient_clipping", "hf_pipeline"],
        "hyperparameters": ["smoothing"],
    }


def test_a_class_of_the_package_adds_nothing() -> None:
    path = f"{PACKAGE}.data.TextClassificationDataModule"
    record = class_record(TextClassificationDataModule, TransformerDataModule)
    assert record == {"name": path, "base": path, "methods": [], "hyperparameters": []}


def test_another_class_loses_what_it_does_not_have() -> None:
    record = class_record(First, TaskTransformer)
    lost = {
        cls: lost_members(cls, record, TaskTransformer)
        for cls in (TextClassificationTransformer, OtherLoss, Second, First)
    }
    assert [*lost.values()] == [
        ["compute_loss", "configure_gradient_clipping", "smoothing"],
        ["configure_gradient_clipping", "smoothing"],
        [],
        [],
    ]
    edited = {**record, "methods": ["forward"]}
    assert lost_members(First, edited, TaskTransformer) == [], "the user's own edit"  # type: ignore[arg-type]
    assert lost_members(First, None, TaskTransformer) == []
