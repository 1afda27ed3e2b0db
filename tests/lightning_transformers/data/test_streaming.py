"""Streamed rows train like rows of a processed dataset."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from datasets import Dataset, DatasetDict
from pytorch_lightning import Callback, LightningModule, Trainer

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.base.package_data import local_path
from lightning_transformers.base.types import Row
from lightning_transformers.runs.train import train
from lightning_transformers.task.nlp.language_modeling import LanguageModelingDataModule
from lightning_transformers.task.nlp.multiple_choice import MultipleChoiceDataModule
from lightning_transformers.task.nlp.text_classification import TextClassificationDataModule
from lightning_transformers.task.nlp.token_classification import TokenClassificationDataModule
from lightning_transformers.task.shared.text import TextDataModule
from tests.helpers.corpus import write_jsonl
from tests.helpers.language_modeling import TOKENIZER, model, trainer

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


class Order(Callback):
    """Records the batches of each epoch."""

    def __init__(self) -> None:
        self.epochs: dict[int, list[Any]] = {}

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        self.epochs.setdefault(trainer.current_epoch, []).append(batch["input_ids"].tolist())


@pytest.mark.parametrize("num_workers", [0, 1])
def test_each_epoch_has_an_order_of_its_own(num_workers: int, tmp_path: Path) -> None:
    def order() -> dict[int, list[Any]]:
        recorder = Order()
        data = text(limit_train_samples=40, num_workers=num_workers)
        limits = {"max_epochs": 3, "limit_val_batches": 0}
        trainer(tmp_path, **limits, callbacks=[recorder]).fit(model(), data)
        return recorder.epochs

    first, second, third = order().values()
    assert first != second != third != first
    assert list(order().values()) == [first, second, third]


def test_choices_of_different_lengths_can_be_streamed() -> None:
    data = MultipleChoiceDataModule(TOKENIZER, dataset_name="sample", streaming=True, batch_size=2)
    data.setup("fit")
    batch = next(iter(data.train_dataloader()))
    assert batch["input_ids"].ndim == 3


def test_a_stream_is_not_shared_by_processes() -> None:
    data = text()
    data.setup("fit")
    data.trainer = SimpleNamespace(world_size=2, current_epoch=0)
    with pytest.raises(ConfigurationError, match=r"with 2 processes.*dataset\.streaming=false"):
        data.train_dataloader()


def test_labels_of_a_stream_have_to_be_given() -> None:
    file = local_path(f"{VERSES}/train.csv")
    values = {"train_file": file, "validation_file": file, "streaming": True, "max_length": 16}
    with pytest.raises(ConfigurationError, match=r"set dataset\.labels="):
        _ = TextClassificationDataModule(TOKENIZER, **values).model_data_kwargs
    labels = ["gospel", "history", "letter", "wisdom"]
    data = TextClassificationDataModule(TOKENIZER, labels=labels, **values)
    assert list(data.model_data_kwargs["id2label"].values()) == labels


BAD = ["a,x", ",y", "b,", '"",x', "c,y"]


def test_bad_rows_of_a_stream(project: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    Path("a.csv").write_text("text,label\n" + "\n".join(BAD))
    Path("b.csv").write_text("text,label\nd,x\n\ne,x\n" + ",y\n" * 9)

    def texts(file: str, **values: Any) -> list[str]:
        files = {"train_file": ["a.csv", file], "validation_file": "b.csv", "labels": ["x", "y"]}
        data = TextClassificationDataModule(TOKENIZER, **files, streaming=True, **values)
        return [row["text"] for row in data.raw_dataset["train"]]

    first = (
        "'a.csv' line 3 has no text in column 'text'; 'a.csv' line 4 has no value in column "
        "'label'; 'a.csv' line 5 has no text"
    )
    with pytest.raises(ConfigurationError, match=first):
        texts("b.csv")
    assert texts("b.csv", on_bad_row="drop") == ["a", "c", "d", "e"]
    assert f"dropped 12 bad rows: {first}" in caplog.messages[-1]
    refusal = "^'a.csv' line 4 has no value in column 'label': correct"
    with pytest.raises(ConfigurationError, match=refusal):
        texts("b.csv", on_bad_row="fill")
    Path("a.csv").write_text("text,label\na,x\n,y\n")
    assert texts("b.csv", on_bad_row="fill") == ["a", "", "d", "e", *[""] * 9]


TAGS = ["O", "B-X"]
WORDS = [{"tokens": ["a", "b"], "ner_tags": tags} for tags in (TAGS, ["B-X", "O"])]
TOPICS = [{"text": "a", "label": ["x", "y"]}, {"text": "b", "label": []}]


class UpperTags(TokenClassificationDataModule):
    """Changes the words, and with them the types that the stream knows."""

    def clean_row(self, row: Row) -> Row:
        return {**row, "tokens": [word.upper() for word in row["tokens"]], "length": 2}


@pytest.mark.parametrize(
    ("cls", "rows", "labels"),
    [
        (TokenClassificationDataModule, WORDS, TAGS),
        (UpperTags, WORDS, TAGS),
        (TextClassificationDataModule, TOPICS, ["x", "y"]),
    ],
)
def test_labels_of_a_stream_may_be_lists(
    cls: type[TextDataModule], rows: list[Row], labels: list[str], tmp_path: Path
) -> None:
    file = str(tmp_path / "a.jsonl")
    Path(file).write_text("".join(json.dumps(row) + "\n" for row in rows))
    values: dict[str, Any] = {"train_file": file, "validation_file": file, "labels": labels}

    def encoded(streaming: bool) -> list[Any]:
        data = cls(TOKENIZER, **values, streaming=streaming, max_length=16)
        data.setup("fit")
        assert data.dataset is not None
        return [list(row["labels"]) for row in data.dataset["train"]]

    assert encoded(streaming=True) == encoded(streaming=False)
    values["labels"] = ["x", "B-X"]
    with pytest.raises(ConfigurationError, match=r"a\.jsonl' line 1: the label '[Oy]' in column"):
        encoded(streaming=True)


class Upper(TextClassificationDataModule):
    def clean_row(self, row: Row) -> Row:
        return {**row, "text": row["text"].upper()}


@pytest.mark.parametrize("cls", [TextClassificationDataModule, Upper])
@pytest.mark.parametrize("num_workers", [0, 1])
def test_a_failed_conversion_of_a_stream_names_its_row(
    cls: type[TextClassificationDataModule], num_workers: int, project: Path
) -> None:
    Path("a.csv").write_text("text,label\n" + "a,1.5\n" * 1500)
    Path("b.csv").write_text("text,label\nb,1\nc,\nc,abc\nc,abc\n")
    files = {"train_file": ["a.csv", "b.csv"], "validation_file": "a.csv", "streaming": True}
    kind = {"problem_type": "regression", "on_bad_row": "drop", "num_workers": num_workers}
    data = cls(TOKENIZER, **files, **kind, max_length=16)
    data.setup("fit")
    with pytest.raises(
        ConfigurationError, match=r"'b.csv' line 4: the label 'abc' of the train set"
    ):
        list(data.train_dataloader())


def test_a_failed_conversion_of_a_stream_without_files_names_the_number_of_its_row() -> None:
    class Own(TextClassificationDataModule):
        def load_dataset(self) -> DatasetDict:
            rows = [{"text": "a", "label": label} for label in ("x", "x", "z")]
            return DatasetDict(train=Dataset.from_list(rows).to_iterable_dataset())

    data = Own(TOKENIZER, labels=["x", "y"], streaming=True, max_length=16)
    rows = data.process_split("train", data.loaded_dataset["train"])
    with pytest.raises(ConfigurationError, match=r"^'train set' row 3: the label 'z' in column"):
        list(rows)
    other = data.loaded_dataset["train"].map(lambda row: {**row, "text": "b"})
    with pytest.raises(ConfigurationError, match=r"^the label 'z' in column"):
        list(data.process_split("train", other))


def test_a_stream_cannot_be_split(tmp_path: Path) -> None:
    file = write_jsonl(tmp_path / "train.jsonl")
    with pytest.raises(ConfigurationError, match="a stream cannot be split"):
        text(train_file=str(file)).setup("fit")
