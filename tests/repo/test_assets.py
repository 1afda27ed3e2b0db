"""The assets equal the output of their program, and have the properties that tests rely on."""

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import datasets
import pytest

from build_tools.build_assets.__main__ import ASSETS, write_generated
from tests.helpers.tree import tree

SAMPLES = sorted(path.name for path in ASSETS.iterdir() if path.is_dir())
JSONL = [name for name in SAMPLES if (ASSETS / name / "train.jsonl").exists()]


def rows(task: str, split: str) -> list[dict[str, Any]]:
    lines = (ASSETS / task / f"{split}.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines]


def test_what_a_program_makes_is_rebuilt_byte_for_byte(tmp_path: Path) -> None:
    shutil.copytree(ASSETS, tmp_path / "assets")
    for name in JSONL:
        (tmp_path / "assets" / name / "train.jsonl").unlink()
    write_generated(tmp_path / "assets")
    made, shipped = tree(tmp_path / "assets"), tree(ASSETS)
    # The bytes of parquet name the version of the library that wrote them.
    assert set(made) == set(shipped)
    assert {f: made[f] for f in made if not f.endswith(".parquet")} == {
        f: shipped[f] for f in shipped if not f.endswith(".parquet")
    }


@pytest.mark.parametrize("name", SAMPLES)
def test_it_is_small(name: str) -> None:
    size = sum(path.stat().st_size for path in (ASSETS / name).rglob("*") if path.is_file())
    assert size < 500_000


@pytest.mark.parametrize("task", JSONL)
def test_validation_rows_are_new(task: str) -> None:
    train = {json.dumps(row, sort_keys=True) for row in rows(task, "train")}
    assert not train & {json.dumps(row, sort_keys=True) for row in rows(task, "validation")}


@pytest.mark.parametrize("split", ["train", "validation"])
def test_rows_are_consistent(split: str) -> None:
    for row in rows("question_answering", split):
        answers = row["answers"]
        for text, start in zip(answers["text"], answers["answer_start"], strict=True):
            assert row["context"][start : start + len(text)] == text
    for row in rows("token_classification", split):
        assert len(row["tokens"]) == len(row["ner_tags"])
        for before, tag in zip(["O", *row["ner_tags"]], row["ner_tags"], strict=False):
            assert not tag.startswith("I-") or before[2:] == tag[2:]
    assert all(0 <= row["label"] < len(row["choices"]) for row in rows("multiple_choice", split))
    assert all(set(row["translation"]) == {"en", "de"} for row in rows("translation", split))
    assert all(set(row) == {"text", "summary"} for row in rows("summarization", split))


def test_classes_are_balanced() -> None:
    with (ASSETS / "text_classification/train.csv").open(newline="") as stream:
        labels = [row["label"] for row in csv.DictReader(stream)]
    assert len({labels.count(label) for label in set(labels)}) == 1
    choices = [row["label"] for row in rows("multiple_choice", "train")]
    assert max(map(choices.count, range(4))) < 0.3 * len(choices)


def test_images_load_as_images_with_classes() -> None:
    file = str(ASSETS / "image_classification/train.parquet")
    table = datasets.load_dataset("parquet", data_files=file, split="train")
    assert table[0]["image"].size == (8, 8)
    assert table.features["label"].names == list("0123456789")
