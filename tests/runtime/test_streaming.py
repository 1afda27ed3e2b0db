"""Rows that are read as they are needed train as those that are processed beforehand."""

from pathlib import Path
from typing import Any

import pytest

from lightning_transformers.core.resources import local_path
from lightning_transformers.errors import ConfigurationError
from lightning_transformers.task.nlp.language_modeling import LanguageModelingDataModule
from lightning_transformers.task.nlp.text_classification import TextClassificationDataModule
from lightning_transformers.train import train
from tests.runtime.corpus import write_jsonl
from tests.runtime.test_own_files import TOKENIZER
from tests.runtime.test_training import model, trainer

VERSES = "pkg://lightning_transformers/assets/text_classification"


def text(**hyperparameters: Any) -> LanguageModelingDataModule:
    values = {"dataset_name": "sample", "block_size": 64, "streaming": True}
    return LanguageModelingDataModule(TOKENIZER, **values | hyperparameters)


def test_a_stream_trains_until_max_steps(tmp_path: Path) -> None:
    run = trainer(tmp_path, max_epochs=-1, max_steps=5, val_check_interval=5, limit_val_batches=2)
    metrics = train(model(), text(), run)
    assert run.global_step == 5
    assert metrics["val/loss"] > 0


def test_a_stream_has_the_rows_of_the_table() -> None:
    def blocks(streaming: bool) -> list[list[int]]:
        data = text(streaming=streaming)
        data.setup("fit")
        return [row["input_ids"].tolist() for row in data.dataset["validation"]]

    assert blocks(streaming=True) == blocks(streaming=False)


def test_train_rows_are_shuffled_anew_with_each_seed() -> None:
    def first_batch(seed: int) -> list[list[int]]:
        data = text(seed=seed)
        data.setup("fit")
        return next(iter(data.train_dataloader()))["input_ids"].tolist()  # type: ignore[no-any-return]

    assert first_batch(0) == first_batch(0)
    assert first_batch(0) != first_batch(1)


def test_labels_of_a_stream_have_to_be_given() -> None:
    file = local_path(f"{VERSES}/train.csv")
    values = {"train_file": file, "validation_file": file, "streaming": True, "max_length": 16}
    with pytest.raises(ConfigurationError, match=r"set dataset\.labels="):
        _ = TextClassificationDataModule(TOKENIZER, **values).model_data_kwargs
    labels = ["gospel", "history", "letter", "wisdom"]
    data = TextClassificationDataModule(TOKENIZER, labels=labels, **values)
    assert list(data.model_data_kwargs["id2label"].values()) == labels


def test_a_stream_cannot_be_split(tmp_path: Path) -> None:
    file = write_jsonl(tmp_path / "train.jsonl")
    with pytest.raises(ConfigurationError, match="a stream cannot be split"):
        text(train_file=str(file)).setup("fit")
