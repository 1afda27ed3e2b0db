"""The training texts of the vocabulary: the training split of each text sample."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

COLUMNS = {
    "token_classification": ("tokens",),
    "question_answering": ("context", "question"),
    "multiple_choice": ("context", "question", "choices"),
    "summarization": ("text", "summary"),
    "translation": ("translation",),
}


def train_texts(assets: Path) -> Iterator[str]:
    """Yield all texts, row by row."""
    yield from (assets / "language_modeling/train.txt").read_text("utf-8").splitlines()
    with (assets / "text_classification/train.csv").open(encoding="utf-8", newline="") as file:
        yield from (row["text"] for row in csv.DictReader(file))
    for task, columns in COLUMNS.items():
        lines = (assets / task / "train.jsonl").read_text("utf-8").splitlines()
        for row in map(json.loads, lines):
            for column in columns:
                yield from strings(row[column])


def strings(value: Any) -> Iterator[str]:
    """Yield the strings in a JSON value."""
    if isinstance(value, str):
        yield value
    else:
        for inner in value.values() if isinstance(value, dict) else value:
            yield from strings(inner)
