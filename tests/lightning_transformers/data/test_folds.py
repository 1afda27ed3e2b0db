"""`dataset.fold`: the parts of a training set, each of which is the validation set once."""

import csv
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.config.compose import compose
from lightning_transformers.data.loading import folds_of
from lightning_transformers.runs.build import build_data

Rows = list[tuple[int, str]]
"""The group and the class of each row."""
rows = st.lists(st.tuples(st.integers(0, 8), st.sampled_from("abc")), min_size=1, max_size=60)


def spread(values: list[int]) -> int:
    """Return the difference between the largest and the smallest number."""
    return max(values) - min(values)


@given(rows, st.integers(2, 5), st.randoms(use_true_random=False))
def test_each_row_is_in_one_fold_and_folds_are_even(rows: Rows, folds: int, random: Any) -> None:
    order = [*range(len(rows))]
    random.shuffle(order)
    classes = [name for _, name in rows]
    found = folds_of(order, order, classes, folds)
    assert len(found) == len(rows)
    assert {*found} <= {*range(1, folds + 1)}
    assert found == folds_of(order, order, classes, folds)
    assert spread([found.count(fold) for fold in range(1, folds + 1)]) <= 1
    for name in {*classes}:
        held = Counter(fold for fold, each in zip(found, classes, strict=True) if each == name)
        assert spread([held[fold] for fold in range(1, folds + 1)]) <= 1


@given(rows, st.integers(2, 5), st.booleans())
def test_no_group_is_in_two_folds(rows: Rows, folds: int, has_classes: bool) -> None:
    groups = [group for group, _ in rows]
    classes = [name if has_classes else None for _, name in rows]
    found = folds_of([*range(len(rows))], groups, classes, folds)
    assert len({*zip(groups, found, strict=True)}) == len({*groups})
    sizes = Counter(found)
    if len({*groups}) >= folds:
        assert {*found} == {*range(1, folds + 1)}
    if not has_classes:
        assert spread([sizes[f] for f in range(1, folds + 1)]) <= max(Counter(groups).values())


def test_large_groups_are_placed_first() -> None:
    groups = [0] * 2 + [1] * 2 + [2] * 4
    found = folds_of([*range(8)], groups, [None] * 8, 2)
    assert found == [2, 2, 2, 2, 1, 1, 1, 1]


def test_groups_of_a_class_are_spread_over_the_folds() -> None:
    classes = [*"abbb", *"aaaa", *"abbb", *"aaaa"]
    found = folds_of([*range(16)], [row // 4 for row in range(16)], classes, 2)
    assert found == [1] * 4 + [2] * 8 + [1] * 4


def data_of(folder: Path, *overrides: str, labels: str = "aab", rows: int = 30) -> Any:
    """Return the data module of a csv file with a patient for every three rows."""
    with (folder / "rows.csv").open("w", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(("text", "label", "patient"))
        table.writerows((f"text {n}", labels[n % len(labels)], n // 3) for n in range(rows))
    file = f"dataset.train_file={folder / 'rows.csv'}"
    return build_data(
        compose(["task=nlp/text_classification", "experiment=smoke", file, *overrides])
    )


def test_the_folds_of_a_file_are_its_rows_with_even_classes(tmp_path: Path) -> None:
    held: list[str] = []
    for number in (1, 2, 3):
        data = data_of(tmp_path, f"dataset.fold={number}/3")
        part = data.raw_dataset["validation"]
        assert Counter(part["label"])["b"] in (3, 4)
        assert not {*part["text"]} & {*data.raw_dataset["train"]["text"]}
        assert len(data.raw_dataset["train"]) + len(part) == 30
        held += part["text"]
    assert sorted(held) == sorted(f"text {n}" for n in range(30))
    assert held != sorted(held)


def test_the_rows_of_a_patient_stay_together_and_the_seed_decides(tmp_path: Path) -> None:
    def patients(*overrides: str) -> set[str]:
        grouped = ("dataset.fold=2/4", "dataset.group_column=patient")
        return {*data_of(tmp_path, *grouped, *overrides).raw_dataset["validation"]["patient"]}

    data = data_of(tmp_path, "dataset.fold=2/4", "dataset.group_column=patient")
    assert not patients() & {*data.raw_dataset["train"]["patient"]}
    assert patients() == patients()
    assert patients() != patients("training.seed=1")


def test_numbers_to_predict_are_not_stratified(tmp_path: Path) -> None:
    data = data_of(tmp_path, "dataset.fold=1/2", "dataset.problem_type=regression", labels="123")
    assert data.stratified_column() is None
    assert len(data.raw_dataset["validation"]) == 15


def test_a_sample_is_cut_and_its_validation_set_unused(caplog: pytest.LogCaptureFixture) -> None:
    fold = ("dataset.fold=1/2", "dataset.limit_train_samples=20", "dataset.limit_val_samples=20")
    task = ("task=nlp/token_classification", "experiment=smoke")
    whole = build_data(compose([*task])).raw_dataset
    with caplog.at_level("INFO"):
        cut = build_data(compose([*task, *fold])).raw_dataset
    assert len(cut["train"]) + len(cut["validation"]) == len(whole["train"])
    assert "the validation set of the dataset is not used" in caplog.text


def test_the_fold_of_a_checkpoint_is_that_of_its_evaluation(tmp_path: Path) -> None:
    trained = data_of(tmp_path, "dataset.fold=2/4", "dataset.group_column=patient", labels="ab")
    config = ["task=nlp/text_classification", f"dataset.train_file={tmp_path / 'rows.csv'}"]
    data = build_data(
        compose([*config, "backbone=tiny"]), trained.processor, recorded=trained.hparams
    )
    assert [*data.raw_dataset["validation"]["text"]] == [*trained.raw_dataset["validation"]["text"]]


@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        (("dataset.fold=6/5",), "dataset.fold=6/5 is not a fold: set its number and that of all"),
        (("dataset.fold=1/1",), "dataset.fold=1/1 is not a fold"),
        (("dataset.fold=half",), "dataset.fold=half is not a fold"),
        (("dataset.fold=1/31",), "dataset.fold=1/31: the training set has only 30 rows"),
        (
            ("dataset.fold=1/11", "dataset.group_column=patient"),
            "the training set has only 10 values of 'patient': give fewer folds",
        ),
        (
            ("dataset.fold=1/2", "dataset.group_column=pateint"),
            "no column 'pateint'.*set dataset.group_column=<column>",
        ),
        (("dataset.fold=1/2", "dataset.streaming=true"), "a stream cannot be cut into folds"),
    ],
)
def test_a_mistake_is_one_line(overrides: tuple[str, ...], line: str, tmp_path: Path) -> None:
    known = "dataset.problem_type=single_label_classification"
    with pytest.raises(ConfigurationError, match=line):
        data_of(tmp_path, *overrides, known).raw_dataset  # noqa: B018


def test_rows_without_a_group_are_one_line(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("text,label,patient\na,x,1\nb,y,\nc,x,2\nd,y,\n")
    file = (f"dataset.train_file={tmp_path / 'rows.csv'}", "dataset.group_column=patient")
    words = ["task=nlp/text_classification", "experiment=smoke", *file, "dataset.fold=1/2"]
    with pytest.raises(ConfigurationError, match="2 rows of the training set have no 'patient'"):
        build_data(compose(words)).raw_dataset  # noqa: B018
