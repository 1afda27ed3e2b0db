"""Rows of similar length share a batch, and results come in the order of the rows."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from pytorch_lightning import Callback, Trainer
from torch import nn
from torch.utils.data import SequentialSampler

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.base.types import Batch
from lightning_transformers.core.prediction import (
    Recording,
    _predictions,
    predict_inputs,
    size_of,
)
from lightning_transformers.data.dataloaders import EvaluationSampler
from lightning_transformers.models.backbone import Backbone
from lightning_transformers.runs.build import seed_everything
from lightning_transformers.task.nlp.text_classification import (
    TextClassificationDataModule,
    TextClassificationTransformer,
)
from tests.helpers.language_modeling import ADAMW, TINY, trainer

BACKBONE = {"pretrained_model_name_or_path": f"{TINY}/bert", "random_weights": True}


def classified(**hyperparameters: Any) -> TextClassificationDataModule:
    values = {"dataset_name": "sample", "limit_train_samples": 64, "batch_size": 4}
    tokenizer = Backbone(f"{TINY}/bert").load_tokenizer()
    data = TextClassificationDataModule(tokenizer, **values | hyperparameters)
    data.dataset = data.build_dataset()
    return data


def padding(batches: Sequence[Batch]) -> float:
    masks = [batch["attention_mask"].float() for batch in batches]
    return 1 - sum(mask.sum().item() for mask in masks) / sum(mask.numel() for mask in masks)


@pytest.mark.parametrize("stage", ["train", "val"])
def test_batches_have_less_padding_and_the_same_rows(stage: str) -> None:
    def batches(**hyperparameters: Any) -> list[Batch]:
        return list(getattr(classified(**hyperparameters), f"{stage}_dataloader")())

    def rows(batches: list[Batch]) -> list[tuple[int, ...]]:
        return sorted(
            tuple(row[row > 0].tolist()) for batch in batches for row in batch["input_ids"]
        )

    grouped, plain = batches(), batches(group_by_length=False)
    assert padding(grouped) < 0.5 * padding(plain)
    assert rows(grouped) == rows(plain)


def test_a_run_of_before_and_a_limited_evaluation_have_the_rows_as_they_are() -> None:
    data = classified()
    assert isinstance(data.val_dataloader().sampler.order[:1], list)
    data.formulas = 2
    assert isinstance(data.val_dataloader().sampler, SequentialSampler)
    for limit in (1, 3, 0.5):
        data = classified()
        data.trainer = SimpleNamespace(  # type: ignore[assignment]
            limit_val_batches=limit, distributed_sampler_kwargs=None
        )
        assert isinstance(data.val_dataloader().sampler, SequentialSampler)


class Rows(Callback):
    """Records the rows of each step, without padding, and saves after the eighth batch."""

    def __init__(self) -> None:
        self.rows: list[tuple[int, ...]] = []

    def on_train_batch_end(
        self, trainer: Trainer, task: Any, outputs: Any, batch: Batch, number: int
    ) -> None:
        self.rows += [tuple(row[row > 0].tolist()) for row in batch["input_ids"]]
        if len(self.rows) == 32 and trainer.global_step == 8:
            trainer.save_checkpoint(Path(trainer.default_root_dir) / "half.ckpt")


@pytest.mark.parametrize("size", [2, 8])
def test_a_run_that_resumes_with_another_batch_size_keeps_the_order(
    size: int, tmp_path: Path
) -> None:
    def rows(batch_size: int, resume: Path | None = None) -> list[tuple[int, ...]]:
        seed_everything(0)
        data = classified(batch_size=batch_size)
        task = TextClassificationTransformer(
            BACKBONE, optimizer=ADAMW, model_data_kwargs=data.model_data_kwargs
        )
        seen = Rows()
        run = trainer(tmp_path, max_epochs=2, limit_val_batches=0, callbacks=[seen])
        run.fit(task, datamodule=data, ckpt_path=resume, weights_only=True)
        return seen.rows

    whole = rows(4)
    assert len(whole) == 128
    assert rows(size, tmp_path / "half.ckpt") == whole[32:]


def test_evaluated_rows_are_recorded_in_their_order() -> None:
    order = [3, 0, 4, 1, 2]
    recording = Recording()
    recording.parts = [{"loss": [3, 0]}, {"loss": [4, 1]}]
    loader = SimpleNamespace(sampler=EvaluationSampler([None] * 5, order))  # type: ignore[arg-type]
    task = SimpleNamespace(merge_evaluated=lambda columns: columns)
    assert recording.gather(task, loader) == ({"loss": [0, 1, 3, 4]}, [0, 1, 3, 4])
    assert recording.gather(task, None) == ({"loss": [3, 0, 4, 1]}, [0, 1, 2, 3])


class Sizes(nn.Module):
    """A task that predicts the number of characters of a text."""

    device = torch.device("cpu")

    def attach_data(self, data: object) -> None:
        """Do nothing."""

    def predict_step(self, batch: Batch, batch_idx: int) -> list[int]:
        """Return the sizes in a batch."""
        sizes: list[int] = batch["sizes"].tolist()
        return sizes

    def merge_predictions(self, predictions: list[int]) -> list[int]:
        """Return them."""
        return predictions

    def finish_predictions(self, predictions: list[int], inputs: Sequence[str]) -> list[str]:
        """Return each with its input."""
        return [f"{text}{size}" for text, size in zip(inputs, predictions, strict=True)]

    def postprocess(self, prediction: str) -> str:
        """Return it."""
        return prediction


class Texts:
    """Data whose batches are the sizes of texts."""

    batches: list[list[int]]

    def clean_input(self, value: str) -> str:
        """Return it."""
        return value

    def predict_batches(self, inputs: Sequence[str], batch_size: int) -> Iterator[Batch]:
        """Yield the sizes."""
        sizes = torch.tensor([len(text) for text in inputs])
        self.batches = [part.tolist() for part in sizes.split(batch_size)]
        yield from ({"sizes": part} for part in sizes.split(batch_size))


def test_predictions_come_in_the_order_of_inputs_which_are_sorted_by_size() -> None:
    data = Texts()
    assert predict_inputs(Sizes(), ["aaa", "b", "cccc", "dd"], data, 2) == [
        "aaa3",
        "b1",
        "cccc4",
        "dd2",
    ]
    assert data.batches == [[1, 2], [3, 4]]


@pytest.mark.parametrize("kept", [slice(1), slice(0)])
def test_another_number_of_predictions_than_of_inputs(kept: slice) -> None:
    task = Sizes()
    task.merge_predictions = lambda predictions: predictions[kept]  # type: ignore[method-assign]
    message = f"Sizes gives {len(range(2)[kept])} predictions for 2 inputs: return one for each"
    with pytest.raises(ConfigurationError, match=message):
        _predictions(task, Texts(), 2, ["a", "bb"], {})


def test_the_size_of_an_input_is_that_of_its_texts() -> None:
    assert size_of({"question": "ab", "context": ["c", {"text": "def"}], "id": 12}) == 6
    assert size_of(torch.zeros(3)) == 0
