"""The log lines about rows: inferred values, similar classes, and rows that are cut or repeated."""

import logging
from pathlib import Path

import pytest
from datasets import Dataset

from lightning_transformers.base.errors import did_you_mean
from lightning_transformers.data import notices
from lightning_transformers.data.notices import Notices
from lightning_transformers.data.summary import summary


@pytest.fixture(autouse=True)
def log_of_a_run(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


def test_an_inferred_value_is_logged_once_as_its_override(caplog: pytest.LogCaptureFixture) -> None:
    said = Notices()
    for _ in range(2):
        said.inferred("two columns", text_column="a", text_pair_column=None, labels=["x", "y"])
    assert caplog.messages == ["inferred dataset.text_column=a dataset.labels=[x, y]: two columns"]


def test_a_class_with_outer_spaces_is_quoted(caplog: pytest.LogCaptureFixture) -> None:
    Notices().inferred("the values", labels=["a", "a ", "b c"])
    Notices().absent_classes(["a", "a "])
    (line,) = summary({"train": Dataset.from_dict({"labels": [0, 1]})}, ["a", "a "])
    assert "dataset.labels=[a, 'a ', b c]:" in caplog.messages[0]
    assert "the class a, 'a ', which" in caplog.messages[1]
    assert line.endswith("classes a 1, 'a ' 1")
    assert did_you_mean("x", ["a", "a "]) == " (known: a, 'a ')"


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        (["pos", "pos ", "neg"], "'pos' and 'pos '"),
        (["neutral", "NEG", "neg"], "'NEG' and 'neg'"),
        (["not  sure", "not sure"], "and 'not sure'"),
        (["1", "1.0", "2"], "'1' and '1.0'"),
        (["pos", "neg", "posi"], None),
    ],
)
def test_classes_that_differ_in_case_or_spaces(
    names: list[str], shown: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    Notices().similar_classes(names)
    assert [shown in line for line in caplog.messages if shown] == [True] * (shown is not None)
    assert bool(caplog.messages) == (shown is not None)


@pytest.mark.parametrize(
    ("rows", "counts"),
    [
        ([[1, 2, 3], [1], [1, 2]], "1 of 3 inputs"),
        ([[[1, 2, 3], [1]], [[1, 2, 3]]], "2 of 3 inputs"),
        ([[1], [2]], None),
    ],
)
def test_the_share_of_truncated_inputs(
    rows: list[object], counts: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    Notices().truncated("train", Dataset.from_dict({"input_ids": rows}), 3, "max_length")
    assert bool(caplog.messages) == bool(counts)
    assert not counts or (counts in caplog.text and "dataset.max_length" in caplog.text)


def test_rows_in_training_and_validation_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(notices, "HASHED_AT_ONCE", 2)
    train = Dataset.from_dict({"text": ["a", "b", "c", "d"], "label": [0, 1, 0, 1]})
    validation = Dataset.from_dict({"text": ["d", "e", "d"], "label": [0, 0, 1]})
    said = Notices()
    for _ in range(2):
        said.shared_rows("validation", train, validation, ["text", "pair"], tmp_path)
    (line,) = caplog.messages
    assert line.startswith("2 of 3 rows of the validation set are also in the training set")
    Notices().shared_rows("validation", train, validation.select([1]), ["text"], tmp_path)
    Notices().shared_rows("validation", train, validation, ["pair"], tmp_path)
    assert len(caplog.messages) == 1
    monkeypatch.setattr(notices, "hashes", None)
    Notices().shared_rows("validation", train, validation, ["text"], tmp_path)
    assert caplog.messages == [line] * 2, "the number is cached"


def test_lists_and_mappings_are_compared_as_well(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = Dataset.from_list([{"words": ["a"], "of": {"en": "b"}}])
    Notices().shared_rows("validation", rows, rows, ["words", "of"], tmp_path)
    assert "1 of 1" in caplog.text
