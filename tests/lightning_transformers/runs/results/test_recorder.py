"""An evaluation records each row with its label, prediction and loss."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from lightning_transformers.config.compose import compose
from lightning_transformers.core.prediction import interleaved
from lightning_transformers.runs.evaluate import evaluate_from_config
from lightning_transformers.task.nlp.text_classification import TextClassificationTransformer
from tests.helpers.pages import Page

QUIET = ("+trainer.enable_progress_bar=false", "+trainer.enable_model_summary=false")
SETTINGS = ("experiment=smoke", "training.run_dir=run", "logger=none", "callbacks=none", *QUIET)

Row = dict[str, Any]


def evaluated(
    task: str, rows: Sequence[Row], *overrides: str
) -> tuple[dict[str, float], list[Row]]:
    """Evaluate an untrained task on rows; return the metrics and the recorded rows."""
    Path("rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    files = ("dataset.train_file=rows.jsonl", "dataset.validation_file=rows.jsonl")
    config = compose([f"task=nlp/{task}", *SETTINGS, *files, "dataset.batch_size=2", *overrides])
    metrics = evaluate_from_config(config)
    file = Path("run/predictions.parquet")
    return metrics, pq.read_table(file).to_pylist() if file.exists() else []


def test_rows_have_their_columns_label_prediction_probabilities_and_loss(project: Path) -> None:
    rows = [{"text": f"text {n}", "label": "ab"[n % 2], "loss": n} for n in range(5)]
    metrics, found = evaluated("text_classification", rows)
    classes = ["probability_a", "probability_b"]
    own = ["label", "prediction", "score", *classes, "loss"]
    assert list(found[0]) == ["text", "input_loss", *own]
    assert [(r["text"], r["label"], r["input_loss"]) for r in found] == [
        tuple(row.values()) for row in rows
    ]
    assert sum(r["loss"] for r in found) / 5 == pytest.approx(metrics["val/loss"])
    right = [row["label"] == row["prediction"] for row in found]
    assert sum(right) / 5 == pytest.approx(metrics["val/accuracy"])
    for row in found:
        assert row["score"] == max(row[name] for name in classes)
    report = Page(Path("run/report.html"))
    assert report.facts["accuracy"] == f"{metrics['val/accuracy']:.3f}"
    assert report.facts["device"] == "cpu"
    assert "<p>validation set: 5 rows;" in report.text


def test_rows_that_are_dropped_do_not_shift_the_others(project: Path) -> None:
    pairs = [("one", "two"), ("blank", " "), ("three", "four")]
    rows = [{"id": n, "text": text, "summary": s} for n, (text, s) in enumerate(pairs)]
    _, found = evaluated("summarization", rows, "task.max_new_tokens=2")
    assert [(row["id"], row["summary"], row["label"]) for row in found] == [
        (0, "two", "two"),
        (2, "four", "four"),
    ]


def test_windows_of_a_context_are_one_row(project: Path) -> None:
    context = " ".join(f"word{n}" for n in range(60))
    rows = [
        {"context": context, "question": f"Which{n}?", "answer_text": f"word{n}"} for n in (3, 50)
    ]
    metrics, found = evaluated("question_answering", rows, "dataset.max_length=64")
    answers = [("Which3?", ["word3"]), ("Which50?", ["word50"])]
    assert [(row["question"], row["label"]) for row in found] == answers
    for name in ("f1", "exact_match"):
        assert sum(row[name] for row in found) / 2 == pytest.approx(metrics[f"val/{name}"])


def test_an_evaluation_survives_columns_that_fail(
    project: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def failing(*arguments: object) -> None:
        raise KeyError("logits")

    monkeypatch.setattr(TextClassificationTransformer, "evaluated_columns", failing)
    rows = [{"text": f"text {n}", "label": "ab"[n % 2]} for n in range(4)]
    metrics, found = evaluated("text_classification", rows)
    assert (metrics["val/loss"] > 0, found) == (True, [])
    assert "predictions are not recorded: 'logits'" in caplog.messages


def test_examples_of_ranks_are_in_the_order_of_the_rows() -> None:
    assert interleaved([[0, 2, 4], [1, 3]]) == [0, 1, 2, 3, 4]
