"""Text classification: classes, columns and labels as users' files have them."""

import json
from pathlib import Path
from typing import Any

import pytest

from lightning_transformers.core.backbone import Backbone
from lightning_transformers.evaluate import evaluate
from lightning_transformers.task.nlp.text_classification import (
    TextClassificationDataModule,
    TextClassificationTransformer,
)
from tests.runtime.test_own_files import TINY
from tests.runtime.test_training import trainer

TOKENIZER = Backbone(f"{TINY}/bert").load_tokenizer()
ROWS = [{"text": f"text number {n}", "label": "ab"[n % 2]} for n in range(20)]


def write(path: Path, rows: list[dict[str, Any]]) -> str:
    """Write rows as json, one a line, and return the path."""
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
    left_out = "no row of the test set has a label: the test set is left out"
    assert caplog.messages.count(left_out) == 1


def test_a_class_of_a_single_row_is_known_wherever_the_row_goes(tmp_path: Path) -> None:
    rows = [{"text": f"text {n}", "label": f"class {n}"} for n in range(10)]
    data = data_module(write(tmp_path / "rows.jsonl", rows), validation_file=None)
    data.setup("fit")
    assert len(data.labels or []) == 10
