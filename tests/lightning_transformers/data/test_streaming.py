"""Streamed rows train like rows of a processed dataset."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset, DatasetDict, IterableDataset
from pytorch_lightning import Callback, LightningModule, Trainer

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.base.package_data import local_path
from lightning_transformers.base.types import Row
from lightning_transformers.data.dataloaders import EvenBatches, rows_of_rank, until_one_ends
from lightning_transformers.runs.train import train
from lightning_transformers.task.nlp.language_modeling import LanguageModelingDataModule
from lightning_transformers.task.nlp.multiple_choice import MultipleChoiceDataModule
from lightning_transformers.task.nlp.text_classification import TextClassificationDataModule
from lightning_transformers.task.nlp.token_classification import TokenClassificationDataModule
from lightning_transformers.task.shared.text import TextDataModule
from tests.conftest import Run
from tests.helpers.corpus import write_jsonl
from tests.helpers.hub import Hub
from tests.helpers.language_modeling import TOKENIZER, model, trainer
from tests.helpers.python_path import PATHS
from tests.helpers.stream_runs import (
    TRAIN,
    VALIDATION,
    check_epochs,
    check_evaluation,
    check_resume,
    read_on_two_ranks,
)

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


class Evaluated(Callback):
    """Records the first tokens of each validation batch, by epoch."""

    def __init__(self) -> None:
        self.epochs: dict[int, list[Any]] = {}

    def on_validation_batch_end(self, trainer: Trainer, *arguments: Any, **_: Any) -> None:
        _, _, batch, *_ = arguments
        ids = batch["input_ids"].tolist()
        self.epochs.setdefault(trainer.current_epoch, []).append(ids)


@pytest.mark.parametrize(("formulas", "is_fixed"), [(4, False), (5, True)])
def test_a_limited_evaluation_of_a_stream_reads_the_same_rows_in_each_epoch(
    formulas: int, is_fixed: bool, project: Path
) -> None:
    Path("validation").mkdir()
    for number in range(6):
        Path(f"validation/{number}.txt").write_text(f"{number} of the texts\n" * 4)
    recorder = Evaluated()
    limits = {"max_epochs": 3, "limit_train_batches": 1, "limit_val_batches": 2}
    files = {"train_file": "validation", "validation_file": "validation"}
    data = text(dataset_name=None, **files, batch_size=2, packing="none")
    task = model()
    task.formulas = formulas
    trainer(project, **limits, callbacks=[recorder]).fit(task, data)
    first, second, third = recorder.epochs.values()
    assert len(first) == 2
    assert (first == second == third) == is_fixed


def test_choices_of_different_lengths_can_be_streamed() -> None:
    data = MultipleChoiceDataModule(TOKENIZER, dataset_name="sample", streaming=True, batch_size=2)
    data.setup("fit")
    batch = next(iter(data.train_dataloader()))
    assert batch["input_ids"].ndim == 3


def numbers(sizes: list[int]) -> IterableDataset:
    """Return a stream of numbers, in parts of these sizes."""
    return IterableDataset.from_generator(parts, gen_kwargs={"sizes": [*enumerate(sizes)]})


@pytest.mark.slow
def test_two_ranks_read_a_stream_and_resume_within_an_epoch(project: Path, run: Run) -> None:
    Path("train").mkdir()
    for file, text in {**TRAIN, "validation.txt": VALIDATION}.items():
        Path(file).write_text(text)
    files = {"train_file": "train", "validation_file": "validation.txt"}
    whole = read_on_two_ranks(run, sys.executable, "whole", files)
    check_epochs(whole)
    check_evaluation(whole)
    check_resume(whole, read_on_two_ranks(run, sys.executable, "resumed", files))
    helper = ("-m", "tests.helpers.ddp_stream")
    alone = run(sys.executable, *helper, "resumed", json.dumps(files), PYTHONPATH=PATHS)
    assert "began it, trainer.devices=2, not 1: set that" in alone.stderr


CARD = """\
---
configs:
- config_name: default
  data_files:
  - {split: train, path: train/*.txt}
  - {split: validation, path: validation/*.txt}
---
"""


@pytest.mark.slow
def test_two_ranks_stream_from_a_repository_of_the_hub(project: Path, run: Run) -> None:
    with Hub() as hub:
        files = {**TRAIN, "validation/0.txt": VALIDATION, "README.md": CARD}
        hub.add_dataset("org/texts", {name: text.encode() for name, text in files.items()})
        environment = hub.environment(project / "cache") | {"HF_HUB_OFFLINE": "0"}
        name = {"dataset_name": "org/texts"}
        whole = read_on_two_ranks(run, sys.executable, "whole", name, **environment)
        check_epochs(whole)
        check_evaluation(whole)
        check_resume(whole, read_on_two_ranks(run, sys.executable, "resumed", name, **environment))


def test_a_stream_of_few_files_is_not_shared_by_more_ranks() -> None:
    rows = numbers([3, 4])
    for rank, expected in enumerate(([0, 1, 2], [10, 11, 12, 13])):
        assert [row["number"] for row in rows_of_rank(rows, rank, 2)] == expected
    with pytest.raises(
        ConfigurationError, match=r"^the 2 files of the train set are too few for 3"
    ):
        rows_of_rank(rows, 0, 3)


def test_the_epoch_of_a_rank_ends_with_that_of_another() -> None:
    answers = iter([True, True, False])
    said: list[bool] = []

    def agree(has_more: bool) -> bool:
        said.append(has_more)
        return next(answers)

    assert [*until_one_ends(iter([{}, {}, {}]), agree)] == [{}, {}]
    assert said == [True, True, True]


@pytest.mark.parametrize("size", range(3, 20))
def test_evaluated_rows_of_a_stream_are_on_one_rank_each(size: int) -> None:
    rows = numbers([size // 2, size - size // 2])
    ranks = [[*EvenBatches(rows, 2, rank, 3)] for rank in range(3)]
    assert len({len(batches) for batches in ranks}) == 1
    assert all(len(batch) in (1, 2, 3) for batches in ranks for batch in batches)
    read = [row["number"] for batches in ranks for batch in batches for row in batch]
    assert sorted(read) == sorted(row["number"] for row in rows)
    with pytest.raises(ConfigurationError, match=f"^{size} rows to evaluate on are too few"):
        next(iter(EvenBatches(rows, 2, 0, size + 1)))


def parts(sizes: list[tuple[int, int]]) -> Iterator[Row]:
    for part, size in sizes:
        yield from ({"number": 10 * part + n} for n in range(size))


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
