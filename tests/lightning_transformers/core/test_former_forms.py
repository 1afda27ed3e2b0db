"""Methods and arguments of lightning-transformers warn, work, or are one line."""

import inspect
import warnings
from typing import Any

import pytest
import torch
import transformers
from datasets import Dataset, DatasetDict

from lightning_transformers import predecessor
from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.core import TaskTransformer, TransformerDataModule
from lightning_transformers.core.former_forms import returns_nothing
from lightning_transformers.task.nlp.text_classification import (
    TextClassificationDataModule,
    TextClassificationTransformer,
)

TINY = {
    "pretrained_model_name_or_path": "pkg://lightning_transformers/assets/tiny/bert",
    "random_weights": True,
}
CASES = [
    *((TextClassificationTransformer, *pair) for pair in predecessor.TASK_METHODS.items()),
    *((TextClassificationDataModule, *pair) for pair in predecessor.DATA_METHODS.items()),
]


@pytest.mark.parametrize(("base", "former", "now"), CASES)
def test_an_override_that_nothing_calls_warns(base: type, former: str, now: str) -> None:
    def method(self: Any, *args: object) -> None:
        super(cls, self).__getattr__(former)

    owner = TaskTransformer if now.endswith(" of the task") else base
    assert hasattr(owner, now.removesuffix(" of the task")) or now == "pair_columns"
    assert not hasattr(base, former)
    with pytest.warns(FutureWarning, match=f"Own.{former} is not called any more: override {now}"):
        cls = type("Own", (base,), {former: method})
    with warnings.catch_warnings():
        warnings.simplefilter("error", FutureWarning)
        type("ForBoth", (base,), {former: method, now: method})


def test_a_method_that_the_class_calls_does_not_warn() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", FutureWarning)

        class Own(TextClassificationTransformer):
            def common_step(self, batch: Any) -> Any:
                return self(batch)["loss"]

            def training_step(self, batch: Any, batch_idx: int) -> Any:
                return self.common_step(batch)

        type("Heir", (Own,), {"common_step": lambda self, batch: super(Own, self)(batch)})


def test_a_former_process_data_works_and_warns() -> None:
    with pytest.warns(FutureWarning, match=r"Own\.process_data gets no stage any more: define"):

        class Own(TransformerDataModule):
            def process_data(self, dataset: DatasetDict, stage: str) -> DatasetDict:  # type: ignore[override]
                assert stage is None
                return super().process_data(dataset, stage=stage)  # type: ignore[call-arg]

            def process_split(self, split: str, rows: Any) -> Any:
                return rows.add_column("split", [split])

    rows = DatasetDict({"train": Dataset.from_dict({"a": [1]})})
    assert Own(None).process_data(rows)["train"][0] == {"a": 1, "split": "train"}  # type: ignore[call-arg]
    signature = inspect.signature(TransformerDataModule.process_data)
    assert [*signature.parameters] == ["self", "dataset"]


class OldMetrics(TextClassificationTransformer):
    def configure_metrics(self, stage: str) -> None:  # type: ignore[override]
        self.accuracy = torch.nn.Identity(self.num_classes)


class OldHook(TextClassificationTransformer):
    def validation_epoch_end(self, outputs: Any) -> None: ...


class OldInit(TextClassificationTransformer):
    def __init__(
        self, *args: Any, downstream_model_type: str = "transformers.AutoModel", **kwargs: Any
    ) -> None:
        super().__init__(downstream_model_type, *args, **kwargs)


class OldInitWithClass(TextClassificationTransformer):
    def __init__(self, *args: Any, downstream_model_type: Any = transformers.AutoModel) -> None:
        super().__init__(downstream_model_type, *args)


@pytest.mark.parametrize(
    ("cls", "arguments", "line"),
    [
        (OldMetrics, {"backbone": TINY}, "OldMetrics.configure_metrics returns nothing: return"),
        (OldHook, {"backbone": TINY}, "override on_validation_epoch_end"),
        (OldInit, {}, "set the class attribute default_model_type = 'transformers.AutoModel'"),
        (OldInitWithClass, {}, "default_model_type = 'transformers.AutoModel'"),
        (TextClassificationTransformer, {}, "has no backbone: give one, as in TextClass"),
        (
            TextClassificationTransformer,
            {"pretrained_model_name_or_path": "x", "num_labels": 3},
            "pretrained_model_name_or_path='x' is now backbone='x'; num_labels=3 is now "
            "model_data_kwargs={'num_labels': 3}",
        ),
        (
            TextClassificationTransformer,
            {"pretrained_model_name_or_path": "x", "load_weights": False},
            "load_weights=False is now backbone=Backbone('x', random_weights=True)",
        ),
    ],
)
def test_a_former_form_is_one_line(cls: Any, arguments: dict[str, Any], line: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        cls(**arguments)
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_function_that_returns_a_value_somewhere() -> None:
    assert not returns_nothing(lambda: 1)


def raises() -> None:
    raise NotImplementedError


def test_a_function_that_raises_returns_no_none() -> None:
    assert not returns_nothing(raises)
