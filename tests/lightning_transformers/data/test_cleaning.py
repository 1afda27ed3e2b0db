"""One method cleans the rows of all splits and the inputs of a prediction."""

import json
import reprlib
from pathlib import Path
from typing import Any

import pytest

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.base.types import Row
from lightning_transformers.data.cleaning import clean_columns, usable_inputs
from lightning_transformers.models.backbone import Backbone
from lightning_transformers.runs.predict import predict
from lightning_transformers.task.nlp.text_classification import (
    TextClassificationDataModule,
    TextClassificationTransformer,
)
from tests.helpers.language_modeling import TINY

TOKENIZER = Backbone(f"{TINY}/bert").load_tokenizer()
ROWS = [{"title": f"<b>T{n}", "body": f"text {n}", "label": "ab"[n % 2]} for n in range(4)]
ADVERT = {"title": "Advert", "body": "buy", "label": "c"}


class Titled(TextClassificationDataModule):
    """Joins title and body, and drops advertisements."""

    def clean_row(self, row: Row) -> Row | None:
        if row.get("title") == "Advert":
            return None
        title = str(row.pop("title", "")).removeprefix("<b>")
        return {**row, "text": f"{title} {row.get('body') or row['text']}"}


def titled(tmp_path: Path, rows: list[Row], **values: Any) -> Titled:
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return Titled(TOKENIZER, train_file=str(file), validation_file=str(file), **values)


def test_columns_and_classes_are_those_of_cleaned_rows(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    data = titled(tmp_path, [*ROWS, ADVERT])
    data.setup("fit")
    assert (data.labels, data.text_column) == (["a", "b"], "text")
    assert data.raw_dataset["train"]["text"][:] == [f"T{n} text {n}" for n in range(4)]
    for split in ("train", "validation"):
        line = f"clean_row drops 1 of 5 rows of the {split} set"
        assert caplog.messages.count(line) == 1


@pytest.mark.parametrize("streaming", [False, True])
def test_a_bad_row_behind_a_dropped_one_has_its_line(streaming: bool, tmp_path: Path) -> None:
    rows = [ADVERT, *ROWS, {"body": "no label"}, ROWS[0] | {"label": "d"}]
    data = titled(tmp_path, rows, labels=["a", "b"], streaming=streaming)
    with pytest.raises(
        ConfigurationError, match=r"rows\.jsonl' line 6 has no value in column 'lab"
    ):
        list(data.raw_dataset["train"])
    data = titled(tmp_path, rows, labels=["a", "b"], on_bad_row="drop", streaming=streaming)
    assert len(list(data.raw_dataset["train"])) == 5
    data = titled(tmp_path, [*rows[:5], rows[6]], labels=["a", "b"])
    with pytest.raises(ConfigurationError, match=r"rows\.jsonl' line 6: the label 'd' in column"):
        data.setup("fit")


@pytest.mark.parametrize("column", ["text", "body"])
def test_rows_of_a_stream_are_cleaned_on_demand(column: str, tmp_path: Path) -> None:
    values = {"labels": ["a", "b"], "text_column": column, "streaming": True}
    data = titled(tmp_path, [*ROWS, ADVERT], **values)
    assert [row["text"] for row in data.raw_dataset["train"]] == [
        f"T{n} text {n}" for n in range(4)
    ]
    data.setup("fit")
    assert len(list((data.dataset or {})["train"])) == 4


def as_approximate(prediction: Row) -> Row:
    return {**prediction, "score": pytest.approx(prediction["score"], rel=1e-3)}


def test_predictions_are_made_on_cleaned_inputs(tmp_path: Path) -> None:
    data = titled(tmp_path, ROWS)
    backbone = {"pretrained_model_name_or_path": f"{TINY}/bert", "random_weights": True}
    task = TextClassificationTransformer(backbone, model_data_kwargs=data.model_data_kwargs)
    data.setup("fit")
    plain = TextClassificationDataModule(TOKENIZER, text_column="text")
    expected = [as_approximate(p) for p in task.predict(["T good", " good"], plain)]
    dropped = {"error": f"clean_row drops the input {reprlib.repr(ADVERT)}"}
    inputs = [{"title": "<b>T", "body": "good"}, ADVERT, "good"]
    assert task.predict(inputs, data) == [expected[0], dropped, expected[1]]
    data.predict_file = data.train_file
    assert len(predict(task, data)) == len(ROWS)


def test_a_set_without_a_row_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="clean_row drops all 1 rows of the train set"):
        titled(tmp_path, [ADVERT]).setup("fit")


def test_a_value_that_is_removed_is_none() -> None:
    columns = {"a": [1, 2], "b": [3, 4]}
    removed = clean_columns(columns, clean_row=lambda row: {"a": row["a"], "c": 0})
    assert removed == {"a": [1, 2], "b": [None, None], "c": [0, 0]}
    assert clean_columns(columns, clean_row=lambda row: None) == {"a": [], "b": []}


def refuse_zero(values: list[int]) -> None:
    if 0 in values:
        raise ConfigurationError("zero")


def test_unusable_inputs_have_a_reason_unless_all_are_unusable() -> None:
    assert usable_inputs([1, 0, 2], lambda value: value * 2, refuse_zero) == ([2, 4], {1: "zero"})
    with pytest.raises(ConfigurationError, match="zero"):
        usable_inputs([0, 0], lambda value: value, refuse_zero)
    assert usable_inputs([], refuse_zero, refuse_zero) == ([], {})


def test_inputs_are_converted_once_unless_one_is_unusable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = TextClassificationDataModule(TOKENIZER, labels=["a", "b"])
    backbone = {"pretrained_model_name_or_path": f"{TINY}/bert", "random_weights": True}
    task = TextClassificationTransformer(backbone, model_data_kwargs=data.model_data_kwargs)
    calls: list[int] = []

    def counted(inputs: list[object]) -> list[dict[str, object]]:
        calls.append(len(inputs))
        return TextClassificationDataModule.predict_rows(data, inputs)

    monkeypatch.setattr(data, "predict_rows", counted)
    assert len(task.predict(["one", "two"], data)) == 2
    assert calls == [2]
    assert "error" in task.predict(["one", {"text": None}], data)[1]
