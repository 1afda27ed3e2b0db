"""Classes that no training row has are named before the first step, by every kind of labels."""

import logging
from pathlib import Path
from typing import Any

import pytest

from lightning_transformers.config.compose import compose
from lightning_transformers.models.backbone import Backbone
from lightning_transformers.runs.build import build_data
from lightning_transformers.task.nlp.text_classification import TextClassificationDataModule

SAMPLES = {
    "nlp/text_classification": "[gospel,history,letter,wisdom,psalm]",
    "nlp/token_classification": "[O,B-PER,I-PER,B-LOC,I-LOC,B-ORG]",
    "vision/image_classification": "[0,1,2,3,4,5,6,7,8,9,10]",
}
"""Classes of the sample of a task, and another one at the end."""


@pytest.fixture(autouse=True)
def warnings_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)


@pytest.mark.parametrize("task", SAMPLES)
def test_a_listed_class_without_a_row(task: str, caplog: pytest.LogCaptureFixture) -> None:
    labels = SAMPLES[task]
    data = build_data(compose([f"task={task}", "experiment=smoke", f"dataset.labels={labels}"]))
    data.prepare_data()
    data.setup("fit")
    last = labels.strip("[]").split(",")[-1]
    assert [line for line in caplog.messages if "no training row has" in line] == [
        f"no training row has the class {last}, which cannot be learned: add rows, or leave it out "
        "of dataset.labels"
    ]


@pytest.mark.parametrize(
    ("labels", "absent"), [("[a,b,c]", ["c"]), ("[a,b]", []), ("null", []), ("[c,b,a,d]", ["c, d"])]
)
def test_several_labels_per_row(
    labels: str, absent: list[str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text('{"text": "x", "label": ["a"]}\n{"text": "y", "label": ["a", "b"]}\n' * 10)
    rows = (f"dataset.train_file={file}", f"dataset.labels={labels}")
    data = build_data(compose(["task=nlp/text_classification", "backbone=tiny", *rows]))
    data.setup("fit")
    found = [line for line in caplog.messages if "no training row has" in line]
    assert [line.partition("the class ")[2].partition(", which")[0] for line in found] == absent


def test_numbers_have_no_classes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "rows.csv"
    file.write_text("text,label\nx,0.5\ny,1.5\n" * 10)
    rows = (f"dataset.train_file={file}",)
    data = build_data(compose(["task=nlp/text_classification", "backbone=tiny", *rows]))
    data.setup("fit")
    assert "no training row" not in caplog.text


def test_labels_that_a_project_changes_itself(tmp_path: Path) -> None:
    class Merged(TextClassificationDataModule):
        def process_split(self, split: str, rows: Any) -> Any:
            merged = ["ab"[value == "z"] for value in rows["label"]]
            rows = rows.remove_columns("label").add_column("label", merged)
            return super().process_split(split, rows)

    file = tmp_path / "rows.csv"
    file.write_text("text,label\n" + "x,w\ny,z\n" * 10)
    tokenizer = Backbone("pkg://lightning_transformers/assets/tiny/bert").load_tokenizer()
    data = Merged(tokenizer, train_file=str(file), validation_file=str(file), labels=["a", "b"])
    data.setup("fit")
    assert set(data.dataset["train"]["labels"]) == {0, 1}
