"""Pairs of texts in files, and data modules that read them."""

import csv
import json
from pathlib import Path
from typing import Any

from lightning_transformers.models.backbone import Backbone
from lightning_transformers.task.nlp.summarization import (
    SummarizationDataModule,
)
from tests.helpers.language_modeling import TINY

BACKBONE = {"pretrained_model_name_or_path": f"{TINY}/t5", "random_weights": True}


TOKENIZER = Backbone(**BACKBONE).load_tokenizer()


ROWS = [
    {"text": "The cat sat on the mat. " * (number % 5 + 1), "summary": "The cat — sat. " * size}
    for number, size in enumerate((1, 4, 2, 1, 3, 2, 5))
]


def files(folder: Path, rows: list[dict[str, Any]], kind: str = "jsonl") -> dict[str, str]:
    """Write rows to a file, and return the keys that make it each split."""
    path = folder / f"rows.{kind}"
    with path.open("w", newline="") as stream:
        if kind == "csv":
            writer = csv.DictWriter(stream, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        else:
            stream.writelines(json.dumps(row) + "\n" for row in rows)
    return {"train_file": str(path), "validation_file": str(path), "test_file": str(path)}


def data_module(**hyperparameters: Any) -> SummarizationDataModule:
    return SummarizationDataModule(TOKENIZER, **{"batch_size": 3, **hyperparameters})
