"""`dataset.stratify`: the held-out share of the training file, class by class."""

import csv
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.config.compose import compose
from lightning_transformers.data.loading import stratified
from lightning_transformers.runs.build import build_data


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=60), st.floats(0.01, 0.99))
def test_each_class_has_its_share_in_both_parts(classes: list[str], fraction: float) -> None:
    train, held = stratified(classes, fraction, seed=3)
    assert sorted(train + held) == list(range(len(classes)))
    assert (train, held) == stratified(classes, fraction, seed=3)
    held_out = Counter(classes[row] for row in held)
    for name, number in Counter(classes).items():
        if number == 1:
            assert held_out[name] == 0
            continue
        assert 1 <= held_out[name] < number
        share = min(max(1, fraction * number), number - 1)
        assert abs(held_out[name] - share) <= 0.5


def test_the_order_is_random_for_a_limit_of_rows() -> None:
    train, held = stratified(["a"] * 50 + ["b"] * 50, 0.5, seed=0)
    assert {row < 50 for row in train[:10]} == {row < 50 for row in held[:10]} == {True, False}


def data_of(folder: Path, rows: list[tuple[str, str]], *overrides: str) -> Any:
    """Return the data module of a csv file."""
    with (folder / "rows.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([("text", "label"), *rows])
    file = (f"dataset.train_file={folder / 'rows.csv'}", "dataset.stratify=true")
    return build_data(
        compose(["task=nlp/text_classification", "experiment=smoke", *file, *overrides])
    )


def test_the_validation_set_is_stratified(tmp_path: Path) -> None:
    rows = [(f"text {n}", "rare" if n < 8 else "usual") for n in range(200)]
    data = data_of(tmp_path, rows, "dataset.train_val_split=0.25")
    held = data.raw_dataset["validation"]
    assert Counter(held["label"]) == {"rare": 2, "usual": 48}
    assert not {*held["text"]} & {*data.raw_dataset["train"]["text"]}
    assert data.hparams["stratify"] is True


@pytest.mark.parametrize(
    ("labels", "overrides", "line"),
    [
        (["0.5", "1.5"], (), "one class per row, but dataset.problem_type=regression"),
        (["a", "b"], (), "no two rows of the training set have the same 'label'"),
    ],
)
def test_labels_without_classes_are_one_line(
    labels: list[str], overrides: tuple[str, ...], line: str, tmp_path: Path
) -> None:
    data = data_of(tmp_path, [(f"text {n}", label) for n, label in enumerate(labels)], *overrides)
    with pytest.raises(ConfigurationError, match=line):
        data.raw_dataset  # noqa: B018


def test_a_sentence_of_tags_has_no_class(tmp_path: Path) -> None:
    task = ("task=nlp/token_classification", "experiment=smoke", "+dataset.stratify=true")
    with pytest.raises(ConfigurationError, match="but a sentence has several"):
        build_data(compose([*task])).stratified_column()
