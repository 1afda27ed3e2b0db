"""Text classification: classes, columns and labels of users' files."""

import json
import logging
from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset, DatasetDict
from sklearn.metrics import f1_score, precision_score, recall_score

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.config.compose import compose
from lightning_transformers.core import data as core_data
from lightning_transformers.models.backbone import Backbone
from lightning_transformers.runs.build import build_data
from lightning_transformers.runs.evaluate import evaluate
from lightning_transformers.task.nlp.text_classification import (
    TextClassificationDataModule,
    TextClassificationTransformer,
)
from lightning_transformers.task.nlp.text_classification.data import target
from lightning_transformers.task.nlp.token_classification import TokenClassificationDataModule
from tests.helpers.documented import documented_metrics
from tests.helpers.language_modeling import TINY, trainer

TOKENIZER = Backbone(f"{TINY}/bert").load_tokenizer()
ROWS = [{"text": f"text number {n}", "label": "ab"[n % 2]} for n in range(20)]


def write(path: Path, rows: list[dict[str, Any]]) -> str:
    """Write rows as json lines, and return the path."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def data_module(train: str, **hyperparameters: Any) -> TextClassificationDataModule:
    files = {"train_file": train, "validation_file": train, "max_length": 32}
    return TextClassificationDataModule(TOKENIZER, **files | hyperparameters)


def model(data: TextClassificationDataModule) -> TextClassificationTransformer:
    backbone = {"pretrained_model_name_or_path": f"{TINY}/bert", "random_weights": True}
    return TextClassificationTransformer(backbone, model_data_kwargs=data.model_data_kwargs)


def texts(data: TextClassificationDataModule, split: str) -> list[str]:
    """Return the inputs of a split as texts."""
    data.setup("fit")
    return [TOKENIZER.decode(row["input_ids"]) for row in (data.dataset or {})[split]]


def test_a_test_set_without_labels_is_left_out_of_an_evaluation(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    secret = write(tmp_path / "test.jsonl", [{**row, "label": None} for row in ROWS])
    data = data_module(write(tmp_path / "rows.jsonl", ROWS), test_file=secret)
    metrics = evaluate(model(data), data, trainer(tmp_path))
    assert "val/accuracy" in metrics
    left_out = "the test set has no labels and is ignored: metrics are of the validation set"
    assert caplog.messages.count(left_out) == 1


@pytest.mark.parametrize("formulas", [1, 2])
def test_gpt2_classifies_in_a_batch_as_one_by_one(formulas: int) -> None:
    """Also with a tokenizer that pads on the left, for generation."""
    tokenizer = Backbone(f"{TINY}/gpt2").load_tokenizer()
    tokenizer.padding_side = "left"
    data = TextClassificationDataModule(tokenizer, labels=["a", "b"])
    backbone = {"pretrained_model_name_or_path": f"{TINY}/gpt2", "random_weights": True}
    task = TextClassificationTransformer(backbone, model_data_kwargs=data.model_data_kwargs)
    for parameter in task.model.parameters():
        parameter.data.normal_(std=0.2)
    task.formulas = formulas
    texts = ["a", "a longer text than the first", "a text of another length"]
    together = [p["score"] for p in task.predict(texts, data)]
    alone = [p["score"] for p in task.predict(texts, data, batch_size=1)]
    assert (together == pytest.approx(alone, rel=1e-4)) == (formulas == 2)


def test_scores_of_labels_are_those_of_scikit_learn(tmp_path: Path) -> None:
    rows = [{"text": f"t {n}", "label": ["abc"[n % 3], "abc"[n % 2]]} for n in range(9)]
    data = data_module(write(tmp_path / "rows.jsonl", rows))
    task = model(data)
    (logged,) = trainer(tmp_path, limit_val_batches=1.0).validate(task, data, verbose=False)
    names = data.labels or []
    true = [[name in row["label"] for name in names] for row in rows]
    found = task.predict([row["text"] for row in rows], data)
    predicted = [[name in labels for name in names] for labels in found]
    keys: dict[str, Any] = {"zero_division": 0, "y_true": true, "y_pred": predicted}
    expected = {f"f1_{a}": f1_score(average=a, **keys) for a in ("micro", "macro", "weighted")}
    expected["precision"] = precision_score(average="macro", **keys)
    expected["recall"] = recall_score(average="macro", **keys)
    scores = {name.removeprefix("val/"): value for name, value in logged.items()}
    assert set(scores) == documented_metrics("`nlp/text_classification`, several labels")
    del scores["loss"]
    assert scores == pytest.approx(expected)


def test_a_number_and_two_classes_have_the_documented_metrics(tmp_path: Path) -> None:
    for row, labels in {
        "`nlp/text_classification`, a number": [0.5, 1.5],
        "`nlp/text_classification`, two classes": ["a", "b"],
    }.items():
        rows = [{"text": f"t {n}", "label": labels[n % 2]} for n in range(6)]
        data = data_module(write(tmp_path / f"{labels[0]}.jsonl", rows))
        (logged,) = trainer(tmp_path).validate(model(data), data, verbose=False)
        assert set(logged) == {f"val/{name}" for name in documented_metrics(row)}


def test_the_subset_of_a_dataset_is_logged(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that `dataset=…/glue` without a subset says that it reads mrpc."""
    dataset = DatasetDict({"train": Dataset.from_list(ROWS)})
    monkeypatch.setattr(core_data, "load_from_hub", lambda *_: dataset)
    config = compose(["task=nlp/text_classification", "dataset=nlp/text_classification/glue"])
    with caplog.at_level(logging.INFO):
        build_data(config, TOKENIZER).load_dataset()
    assert caplog.messages == [
        "reading mrpc of nyu-mll/glue: dataset.dataset_config_name=<name> selects another subset"
    ]


def test_a_class_of_a_single_row_is_known_wherever_the_row_goes(tmp_path: Path) -> None:
    rows = [{"text": f"text {n}", "label": f"class {n}"} for n in range(10)]
    data = data_module(write(tmp_path / "rows.jsonl", rows), validation_file=None)
    data.setup("fit")
    assert len(data.labels or []) == 10


def pair(first: str, second: str) -> dict[str, str]:
    """Return a row with the columns in this order."""
    return {name: f"{name} text" for name in (first, second)} | {"label": "a"}


@pytest.mark.parametrize(
    ("names", "keys"),
    [
        (("premise", "hypothesis"), {}),
        (("premise", "hypothesis"), {"text_pair_column": "hypothesis"}),
        (("text_pair", "text"), {}),
    ],
)
def test_the_columns_of_a_pair_are_those_of_the_training_set(
    names: tuple[str, str], keys: dict[str, str], tmp_path: Path
) -> None:
    """Whatever their order in the other files."""
    train = write(tmp_path / "train.jsonl", [pair(*names), {**pair(*names), "label": "b"}])
    other = write(tmp_path / "other.jsonl", [pair(*reversed(names))])
    data = data_module(train, validation_file=other, **keys)
    assert texts(data, "validation")[0] == texts(data, "train")[0]
    assert TOKENIZER.sep_token in texts(data, "train")[0].removesuffix(TOKENIZER.sep_token)
    assert data.hparams["text_column"] == data.text_column
    row = {name: value for name, value in pair(*names).items() if name != "label"}
    (batch,) = data.predict_batches([row], 1)
    assert TOKENIZER.decode(batch["input_ids"][0]) == texts(data, "train")[0]


def test_a_line_of_a_txt_file_is_the_text_whatever_its_column_was_called(tmp_path: Path) -> None:
    rows = [{"sentence": row["text"], "label": row["label"]} for row in ROWS]
    data = data_module(write(tmp_path / "rows.jsonl", rows))
    data.setup("fit")
    (line,) = data.predict_batches([{"text": "a line"}], 1)
    (text,) = data.predict_batches(["a line"], 1)
    assert line["input_ids"].tolist() == text["input_ids"].tolist()


HOLES: dict[str, tuple[str, str]] = {
    "csv without a text": ("text,label\na text,0\n,1\n", "line 3 has no text in column 'text'"),
    "csv of integers and a blank": (
        "text,label\na text,0\nanother,\nthird,1\n",
        "line 3 has no value in column 'label'",
    ),
    "lists and null": (
        '{"text": "a", "label": ["x", "y"]}\n{"text": "b", "label": null}\n',
        "line 2 has no value in column 'label'",
    ),
    "half a pair": (
        '{"text": "a", "text_pair": null, "label": 0.5}\n'
        '{"text": "b", "text_pair": "c", "label": 1}\n',
        "line 1 has no text in column 'text_pair'",
    ),
    "a list for a text": (
        '{"text": ["a"], "label": 0}\n{"text": "b", "label": 1}\n',
        "line 1 has a structure, not text, in column 'text'",
    ),
    "a list for a label": (
        '{"text": "a", "label": "x"}\n{"text": "b", "label": ["y"]}\n',
        "line 2 has a structure, not a single value, in column 'label'",
    ),
}


@pytest.mark.parametrize("hole", HOLES)
def test_a_row_without_a_value_is_shown(hole: str, tmp_path: Path) -> None:
    content, message = HOLES[hole]
    path = tmp_path / f"rows.{'csv' if hole.startswith('csv') else 'jsonl'}"
    path.write_text(content)
    data = data_module(str(path))
    with pytest.raises(ConfigurationError) as caught:
        data.setup("fit")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_rows_without_a_text_are_dropped_or_filled(tmp_path: Path, caplog: Any) -> None:
    caplog.set_level("INFO")
    path = tmp_path / "rows.jsonl"
    values = [("a", "x"), (None, "x"), (["b"], "y"), (3, "y")]
    write(path, [{"text": text, "label": label} for text, label in values])
    for choice, kept in {"drop": ["a", "3"], "fill": ["a", "", "", "3"]}.items():
        data = data_module(str(path), on_bad_row=choice)
        data.setup("fit")
        assert data.raw_dataset["train"]["text"] == kept
        assert "2 bad rows: " in caplog.text
        assert "rows.jsonl' line 3 has a structure" in caplog.text
    write(path, [{"text": "a", "label": label} for label in ("x", "y", None)])
    data = data_module(str(path), on_bad_row="fill")
    with pytest.raises(ConfigurationError, match="line 3 has no value in column 'label'"):
        data.setup("fit")


def test_a_missing_column_is_named_with_the_delimiter(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("text;class\na, b;0\nc;1\n")
    data = data_module(str(tmp_path / "rows.csv"))
    with pytest.raises(ConfigurationError, match=r"no column 'label' .*; read with delimiter ';'"):
        data.setup("fit")


def test_classes_that_are_called_none_in_a_csv(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("text,label\na,None\nb,NA\nnull,US\n")
    data = data_module(str(path))
    assert len(texts(data, "train")) == 3
    assert data.labels == ["NA", "None", "US"]


def test_given_classes_make_numbers_those_of_classes(tmp_path: Path) -> None:
    rows = [{"text": f"text {n}", "label": float(n % 2)} for n in range(4)]
    file = write(tmp_path / "rows.jsonl", rows)
    data = data_module(file, labels=["neg", "pos"])
    data.setup("fit")
    assert data.kind_of_labels() == "single_label_classification"
    assert list((data.dataset or {})["train"]["labels"]) == [0, 1, 0, 1]
    assert data_module(file).kind_of_labels() == "single_label_classification"


@pytest.mark.parametrize(
    ("labels", "kind", "classes"),
    [
        ([0.0, 1.0], "single_label_classification", ["0", "1"]),
        ([0.5, 1.0, None], "regression", None),
        (["0.5", "1"], "regression", None),
        (["1E3", "2E3"], "single_label_classification", ["1E3", "2E3"]),
        ([1.0, 2.0, None], "single_label_classification", ["1", "2"]),
        (["01", "02", "10"], "single_label_classification", ["10", "01", "02"]),
        (["10", "9", "none", "inf"], "single_label_classification", ["9", "10", "inf", "none"]),
    ],
)
def test_only_numbers_that_are_not_whole_are_a_regression(
    labels: list[Any], kind: str, classes: list[str] | None, tmp_path: Path
) -> None:
    rows = [{"text": "a", "label": label} for label in labels]
    data = data_module(write(tmp_path / "rows.jsonl", rows), on_bad_row="drop")
    assert data.kind_of_labels() == kind
    assert classes is None or data.class_names() == classes


def test_what_is_inferred_is_logged_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    rows = [{"id": f"tr-{n}", "says": "a b", "label": ["pos", "Pos"][n % 2]} for n in range(4)]
    data = data_module(write(tmp_path / "rows.jsonl", rows), max_length=4)
    data.prepare_data()
    data.setup("fit")
    seen = "train set are id, says, label"
    for line in (
        f"inferred dataset.text_column=says: the columns of the {seen}",
        "inferred dataset.problem_type=single_label_classification: the labels in 'label' of the "
        "train set are classes",
        "inferred dataset.labels=[Pos, pos]: the values of 'label' in the train set",
    ):
        assert caplog.messages.count(line) == 1
    assert "differ in spelling only: 'Pos' and 'pos'" in caplog.text
    assert "4 of 4 rows of the validation set are also in the training set" in caplog.text
    assert "4 of 4 inputs of the train set (100.0%) reach 4 tokens" in caplog.text


@pytest.mark.parametrize("name", ["id", "guid", "other"])
def test_an_id_is_not_a_text(name: str, tmp_path: Path) -> None:
    values = ["a", "b"] if name != "other" else ["x1", "2020-01-01"]
    rows = [{name: value, "says": "a text", "label": value} for value in values]
    data = data_module(write(tmp_path / "rows.jsonl", rows))
    data.setup("fit")
    assert (data.text_column, data.text_pair_column) == ("says", None)


@pytest.mark.parametrize("label", ["['a' 'b']", "[0 1]"])
def test_lists_as_text_are_refused(label: str, tmp_path: Path) -> None:
    rows = [{"text": "a", "label": value} for value in (label, "['b' 'c']")]
    with pytest.raises(ConfigurationError, match="is a list written as text"):
        data_module(write(tmp_path / "rows.jsonl", rows)).class_names()


@pytest.mark.parametrize("value", ["inf", float("nan"), "much", None])
def test_an_infinite_target_is_refused(value: object) -> None:
    with pytest.raises(ConfigurationError, match="of the train set is not a finite number"):
        target(value, None, "the train set")


def test_each_input_has_a_prediction_or_a_reason(tmp_path: Path) -> None:
    data = data_module(write(tmp_path / "rows.jsonl", ROWS))
    task = model(data)
    inputs = [{"text": 5, "id": 1}, "", {"text": None}, {"text": "a", "id": "b"}]
    inputs += [{"text": float("nan")}, {"x": 1}]
    found = task.predict(inputs, data)
    assert [*found[0], *found[3]] == ["label", "score"] * 2
    assert all("has no text in 'text'" in found[index]["error"] for index in (1, 2, 4, 5))
    with pytest.raises(ConfigurationError, match=r"input \{.text.: ..\} has no text"):
        task.predict([""], data)


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (["0", "1", "10", "2"], ["0", "1", "2", "10"]),
        (["01", "02"], ["01", "02"]),
        (["true", "false"], ["false", "true"]),
        (["0.0", "1.0"], ["0", "1"]),
        (["1E3", "2E3"], ["1E3", "2E3"]),
        (["1", "inf"], ["1", "inf"]),
        (["['x', 'y']", "['x']"], ["x", "y"]),
        (["0.5", "1"], None),
    ],
)
def test_labels_of_a_csv(labels: list[str], classes: list[str] | None, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    rows = "".join(f'{n},some words,"{label}"\n' for n, label in enumerate(labels))
    path.write_text("id,sentence,label\n" + rows)
    data = data_module(str(path))
    data.setup("fit")
    assert data.text_column == "sentence", "numbers are no text"
    assert data.labels == classes
    assert (data.problem_type == "regression") == (classes is None)


def test_columns_are_found_in_any_case(tmp_path: Path, caplog: Any) -> None:
    caplog.set_level(logging.INFO)
    path = tmp_path / "rows.csv"
    path.write_text("Title;Text;Label\na title;a text;yes\nanother;one more;no\n")
    data = data_module(str(path))
    data.setup("fit")
    assert (data.text_column, data.label_column, data.labels) == ("Text", "Label", ["no", "yes"])
    assert data.hparams["label_column"] == "Label"
    said = (
        "inferred dataset.label_column=Label: the columns of the train set are Title, Text, Label"
    )
    assert said in caplog.messages
    path.write_text("text;Label;LABEL\na text;yes;no\n")
    with pytest.raises(ConfigurationError, match="has no column 'label'"):
        data_module(str(path)).setup("fit")


def test_test_rows_in_the_training_set_are_reported(tmp_path: Path, caplog: Any) -> None:
    path, test = tmp_path / "rows.csv", tmp_path / "test.csv"
    path.write_text("text,label\na,yes\nb,no\nc,no\n")
    test.write_text("text,label\nb,no\nd,yes\n")
    data = data_module(str(path), test_file=str(test))
    data.setup("test")
    assert "1 of 2 rows of the test set are also in the training set" in caplog.text
    assert "set dataset.test_file=<file>" in caplog.text
    data_module(str(test), test_file=str(path)).setup("test")


def test_classes_of_a_checkpoint_that_read_numbers(tmp_path: Path) -> None:
    """Versions before 0.2 read `01` as 1 and `true` as True."""
    path = tmp_path / "rows.csv"
    path.write_text("text,label\na,01\nb,true\n")
    data = data_module(str(path), labels=["True", "1"])
    data.setup("fit")
    assert list((data.dataset or {})["train"]["labels"]) == [1, 0]


def test_a_label_that_is_no_number(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("text,label\na,1.5\nb,high\n")
    with pytest.raises(
        ConfigurationError, match="the label 'high' of the train set is not a finite num"
    ):
        data_module(str(path), problem_type="regression").setup("fit")


@pytest.mark.parametrize("cls", [TextClassificationDataModule, TokenClassificationDataModule])
def test_a_class_that_is_listed_twice(cls: type[Any]) -> None:
    data = cls(TOKENIZER, labels=["neg", "pos", "neg"])
    with pytest.raises(ConfigurationError, match=r"dataset\.labels has neg twice"):
        data.class_names()


@pytest.mark.parametrize(
    ("labels", "numbers"),
    [
        (["3,5", "2", "-1,125"], [3.5, 2.0, -1.125]),
        (["1.220,61", "12", "1.000.000"], [1220.61, 12.0, 1e6]),
        (["1.220,615", "7,000", "12"], [1220.615, 7.0, 12.0]),
        (["1,000", "12,500", "7"], None),
        (["3,5", "2.5", "1"], None),
        (["3,5", "none", "1"], None),
    ],
    ids=["decimal commas", "German", "three decimals", "thousands", "both", "a word"],
)
def test_decimal_commas_are_numbers_if_all_labels_have_that_form(
    labels: list[str], numbers: list[float] | None, tmp_path: Path, caplog: Any
) -> None:
    caplog.set_level(logging.INFO)
    path = tmp_path / "rows.csv"
    lines = [f"text {number};{label}" for number, label in enumerate(labels)]
    path.write_text("\n".join(["text;label", *lines]) + "\n")
    data = data_module(str(path))
    data.setup("fit")
    assert data.dataset is not None
    assert (data.problem_type == "regression") == (numbers is not None)
    said = "the labels in 'label' of the train set are numbers with a decimal comma"
    assert any(said in line for line in caplog.messages) == (numbers is not None)
    if numbers:
        assert data.dataset["train"]["labels"] == numbers
        other = data_module(str(path), problem_type="regression")
        other.setup("fit")
        assert other.dataset is not None
        assert other.dataset["train"]["labels"] == numbers
