"""The report of a run shows the numbers of its files, and nothing that is private."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from PIL import Image
from torch import tensor
from torchmetrics.functional.classification import (
    multiclass_calibration_error,
    multiclass_confusion_matrix,
    multiclass_f1_score,
)

from lightning_transformers.reports.run_files import RunFiles
from lightning_transformers.reports.run_report import write_report
from tests.helpers.pages import Page, run_folder
from tests.helpers.report_rows import CLASSES, tickets


def page(folder: Path, rows: Sequence[dict[str, Any]], **options: Any) -> Page:
    return Page(write_report(RunFiles(run_folder(folder, rows)), {"val/loss": 0.5}, **options))


def test_the_numbers_drawn_are_those_of_the_predictions(tmp_path: Path) -> None:
    shown = page(tmp_path / "run", tickets())
    table = pq.read_table(tmp_path / "run/predictions.parquet")
    labels, found = (
        tensor([CLASSES.index(value) for value in table[name].to_pylist()])
        for name in ("label", "prediction")
    )
    matrix = multiclass_confusion_matrix(found, labels, 3)
    assert shown.counts == matrix.flatten().tolist()
    f1 = multiclass_f1_score(found, labels, 3, average="none").tolist()
    head, *rows = shown.tables["Classes"]
    assert head == ["class", "rows", "predicted", "precision", "recall", "F1"]
    assert [row[0] for row in rows] == list(CLASSES)
    assert [float(row[5]) for row in rows] == pytest.approx(f1, abs=5e-4)
    assert [int(row[1]) for row in rows] == matrix.sum(1).tolist()
    probabilities = tensor([table[f"probability_{c}"].to_pylist() for c in CLASSES]).T
    error = float(multiclass_calibration_error(probabilities, labels, 3, n_bins=10))
    assert float(shown.facts["calibration error"]) == pytest.approx(error, abs=5e-4)
    assert float(shown.facts["accuracy"]) == pytest.approx(0.75)
    scores = [float(row[-2]) for row in shown.tables["Most confident errors"][1:]]
    assert (len(scores), scores) == (10, sorted(scores, reverse=True))
    slices = {row[0]: row[1:] for row in shown.tables["channel"][1:]}
    rows_of_web = [row for row in table.to_pylist() if row["channel"] == "web"]
    right = [row["label"] == row["prediction"] for row in rows_of_web]
    assert slices["web"][0] == str(len(rows_of_web))
    assert float(slices["web"][1]) == pytest.approx(sum(right) / len(right), abs=5e-4)
    assert shown.tables["Highest loss"][1][-1] == "3.900"
    assert "<b>ticket" not in shown.text


def test_nothing_private_is_in_it(tmp_path: Path) -> None:
    shown = page(tmp_path / "run", tickets())
    for private in ("alice", "/home", "abc123", "hf_secret", "/x/y", str(tmp_path)):
        assert private not in shown.text
    assert shown.facts["command"] == "train.py +task=nlp/mine logger.wandb.api_key=•••"
    rows = shown.tables["Differences from the defaults"][1:]
    assert rows == [["dataset.train_file", "null", "…/a.csv"], ["hub.token", "null", "•••"]]
    assert shown.tables["Splits"][1][:3] == ["train", "…/train.csv", "12"]


def test_a_browser_loads_nothing_and_runs_nothing(tmp_path: Path) -> None:
    shown = page(tmp_path / "run", tickets())
    assert all(address.startswith(("#", "data:")) for address in shown.addresses)
    assert not re.search(r"<script|@import|url\(|http", shown.text)
    pictures = sorted((tmp_path / "run/report_pictures").iterdir())
    assert [file.name for file in pictures] == [
        "metrics-loss.png",
        "predictions-calibration.png",
        "predictions-confusion-matrix.png",
    ]
    for file in pictures:
        with Image.open(file) as image:
            assert len(image.convert("L").getcolors() or ()) > 20


def tagged(words: str, label: str, prediction: str) -> dict[str, Any]:
    return {
        "tokens": words.split(),
        "ner_tags": label.split(),
        "label": label.split(),
        "prediction": prediction.split(),
        "loss": 1.0,
    }


def test_entities_are_counted_whole(tmp_path: Path) -> None:
    rows = [
        tagged("Ada Lovelace met Bob", "B-PER I-PER O B-PER", "B-PER O O B-PER"),
        tagged("in Rome", "O B-LOC", "O B-LOC"),
    ]
    shown = page(tmp_path / "run", rows)
    assert shown.tables["Entities"][1:] == [
        ["LOC", "1", "1", "1.000", "1.000", "1.000"],
        ["PER", "2", "2", "0.500", "0.500", "0.500"],
    ]
    (worst,) = next(rows for name, rows in shown.tables.items() if name.startswith("Worst"))[1:]
    assert " ".join(worst[0].split()) == "AdaB-PER LovelaceI-PER → O met BobB-PER"
    assert worst[1] == "1"


def test_each_kind_of_task_has_its_section(tmp_path: Path) -> None:
    answer = {
        "context": "Ada sat.",
        "question": "Who?",
        "label": ["Ada"],
        "score": 0.9,
        "loss": 1.0,
    }
    text = {"text": "a long text", "label": "a reference", "loss": 1.0}
    several = {"text": "t", "probability_a": 0.9, "probability_b": 0.2, "loss": 1.0}
    cases = {
        "answers": [
            {**answer, "prediction": "sat", "exact_match": 0.0, "f1": 0.0},
            {**answer, "prediction": "Ada", "exact_match": 100.0, "f1": 100.0},
        ],
        "texts": [{**text, "prediction": "an output"}, {**text, "prediction": ""}],
        "tokens": [
            {"text": "a <mask><mask> d", "label": ["b", "c"], "prediction": ["b", "d"], "loss": 1.0}
        ],
        "numbers": [
            {"text": "t", "label": float(n), "prediction": n + 0.5, "loss": 0.25} for n in range(3)
        ],
        "labels": [{**several, "label": ["a", "b"], "prediction": ["a"]}] * 2,
    }
    pages = {name: page(tmp_path / name, rows) for name, rows in cases.items()}
    assert pages["answers"].facts["exact match"] == "50.000"
    (wrong,) = pages["answers"].tables["Worst answers, the most confident first"][1:]
    assert {"Ada sat.", "Who?", "sat", "Ada"} <= set(wrong)
    outputs = pages["texts"].tables["Outputs beside references"][1:]
    assert outputs[0] == ["a long text", "a reference", "an output"]
    assert pages["texts"].facts["empty outputs"] == "1"
    assert pages["tokens"].tables["Most frequent errors"][1:] == [["c", "d", "1"]]
    assert pages["numbers"].facts["mean absolute error"] == "0.500"
    labels = pages["labels"].tables["Labels, predicted above a probability of 0.5"]
    assert labels[2] == ["b", "2", "0", "0.000", "0.000", "0.000"]
    thresholds = pages["labels"].tables["Thresholds with the highest F1 on these rows"]
    assert thresholds[2] == ["b", "0.100", "1.000", "1.000", "1.000"]
    assert "Highest loss" not in pages["numbers"].tables, "the largest errors are the same rows"


def test_inputs_that_say_the_same_are_shown_once(tmp_path: Path) -> None:
    rows = [
        {**row, "text": f"{row['title']} and more", "class": row["label"].upper(), "by": "Ada "}
        for row in tickets()
    ]
    shown = page(tmp_path / "run", rows)
    head = shown.tables["Highest loss"][0]
    assert head == ["text", "by", "channel", "label", "prediction", "score", "loss"]
    assert "class" not in shown.tables, "its slices are those of the label"


def test_an_empty_value_has_a_name(tmp_path: Path) -> None:
    rows = [{**row, "channel": "" if n % 2 else "web"} for n, row in enumerate(tickets())]
    slices = page(tmp_path / "run", rows).tables["channel"]
    assert {row[0] for row in slices[1:]} == {"missing", "web"}


def test_a_run_without_predictions_has_its_curves(tmp_path: Path) -> None:
    shown = page(tmp_path / "run", ())
    assert shown.text.count("<polyline") > 2
    assert ">train/loss<" in shown.text
    assert shown.facts["val/loss"] == "0.500"
