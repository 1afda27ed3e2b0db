"""Multiple choice: labels, pairs of question and choice, batches, metrics and errors."""

from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset
from torch.nn.functional import cross_entropy
from transformers import AutoModelForMultipleChoice

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.models.backbone import Backbone
from lightning_transformers.runs.build import seed_everything
from lightning_transformers.task.nlp.multiple_choice.data import MultipleChoiceDataModule
from lightning_transformers.task.nlp.multiple_choice.encoding import (
    choice_index,
    encode_choices,
    join_question_and_choice,
)
from lightning_transformers.task.nlp.multiple_choice.model import MultipleChoiceTransformer
from tests.helpers.language_modeling import TINY, trainer

BACKBONE = {"pretrained_model_name_or_path": f"{TINY}/bert", "random_weights": True}
TOKENIZER = Backbone(f"{TINY}/bert").load_tokenizer()
ROWS = [
    {
        "context": f"Anna saw {n} cats and a dog. " * (1 + n % 3),
        "question": "What did she see?",
        "choices": [f"{n} cats", "the sea", "nothing at all", "a letter"],
        "label": n % 4,
    }
    for n in range(24)
]
ENDINGS = [f"ending{number}" for number in range(4)]
SWAG = {"context_column": "sent1", "question_column": "sent2", "choice_columns": ENDINGS}


def write(path: Path, rows: list[dict[str, Any]]) -> str:
    table = Dataset.from_list(rows)
    (table.to_csv if path.suffix == ".csv" else table.to_json)(path)
    return str(path)


def as_swag(row: dict[str, Any]) -> dict[str, Any]:
    endings = dict(zip(ENDINGS, row["choices"], strict=True))
    return {"sent1": row["context"], "sent2": row["question"], **endings, "label": row["label"]}


def data_module(train: str, **hyperparameters: Any) -> MultipleChoiceDataModule:
    files = {"train_file": train, "validation_file": train}
    return MultipleChoiceDataModule(TOKENIZER, **files, **hyperparameters)


def examples(data: MultipleChoiceDataModule) -> list[Any]:
    data.setup("fit")
    return list((data.dataset or {})["train"])


def model() -> MultipleChoiceTransformer:
    seed_everything(0)
    # Large weights: those of a new model give all choices nearly the same score.
    return MultipleChoiceTransformer(BACKBONE | {"config": {"initializer_range": 0.5}})


@pytest.mark.parametrize(
    ("value", "number"),
    [(2, 2), (2.0, 2), ("1", 1), ("A", 0), (" d ", 3), ("two", 1), ("B", 2), ("4", 3)],
)
def test_label(value: Any, number: int) -> None:
    """A number, letter or text; a text that is a choice is nothing else."""
    assert choice_index(value, ["one", "two ", "B", "4"], "") == number


@pytest.mark.parametrize("value", [4, -1, 1.5, "4.0", "E", "none", "", None])
def test_label_of_no_choice(value: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"in column 'label' is none of the 4 choices"):
        choice_index(value, ["one", "two", "B", "4"], "column 'label'")


@pytest.mark.parametrize(
    ("question", "choice", "text"),
    [
        ("What is it?", "A cat.", "What is it? A cat."),
        ("The author is _ .", r"a \1 cat", r"The author is a \1 cat ."),
        ("It is about_.", "cats", "It is about cats ."),
        ("____ came, and _ went.", "Ann", "Ann came, and Ann went."),
        ("What does foo__bar return?", "1", "What does foo__bar return? 1"),
    ],
)
def test_question_and_choice(question: str, choice: str, text: str) -> None:
    assert join_question_and_choice(question, choice) == text


def test_context_is_cut_and_choices_stay_whole() -> None:
    columns = {key: [row[key] for row in ROWS] for key in ROWS[0]}
    columns["context"] = ["house " * 200] * len(ROWS)
    texts = [f"{row['question']} {choice}" for row in ROWS for choice in row["choices"]]
    longest = max(map(len, TOKENIZER(texts)["input_ids"]))
    names = {"context": "context", "question": "question", "choices": "choices", "label": "label"}
    values: Any = {"max_length": longest + 2, "truncation": True, "place": ""}
    encoded = encode_choices(columns, tokenizer=TOKENIZER, **names, **values)
    inputs = [ids for row in encoded["input_ids"] for ids in row]
    assert {len(ids) for ids in inputs} == {longest + 2}
    pairs = [TOKENIZER.decode(ids).removeprefix("<s>").split("</s>") for ids in inputs]
    assert [second.removeprefix("<s>") for _, second, *_ in pairs] == texts
    assert all(first and ("house " * 99).startswith(first) for first, *_ in pairs)
    assert encoded["labels"] == [row["label"] for row in ROWS]


@pytest.mark.parametrize("kind", ["number", "letter", "text"])
def test_every_form_of_a_file_gives_the_same_examples(kind: str, tmp_path: Path) -> None:
    expected = examples(data_module(write(tmp_path / "list.jsonl", ROWS)))
    forms = {"number": range(4), "letter": "ABCD"}
    labels = [forms.get(kind, row["choices"])[row["label"]] for row in ROWS]
    rows = [{**row, "label": label} for row, label in zip(ROWS, labels, strict=True)]
    assert examples(data_module(write(tmp_path / "race.jsonl", rows))) == expected
    texts = [{**row, "choices": str(row["choices"])} for row in rows]
    assert examples(data_module(write(tmp_path / "race.csv", texts))) == expected
    swag = write(tmp_path / "swag.csv", [as_swag(row) for row in rows])
    assert examples(data_module(swag, **SWAG)) == expected


def test_rows_may_differ_in_their_number_of_choices(tmp_path: Path) -> None:
    rows = [{**row, "choices": row["choices"][: 2 + row["label"] % 3]} for row in ROWS]
    rows = [{**row, "label": row["label"] % 2} for row in rows]
    task, data = model().eval(), data_module(write(tmp_path / "rows.jsonl", rows))
    found = examples(data)
    alone = [task(data.collate_fn([example])) for example in found]
    outputs, logits = task(data.collate_fn(found)), [output["logits"][0] for output in alone]
    loss = torch.stack([output["loss"] for output in alone]).mean()
    torch.testing.assert_close(outputs["loss"], loss, rtol=1e-4, atol=1e-4)
    for scores, own in zip(outputs["logits"], logits, strict=True):
        torch.testing.assert_close(scores[: len(own)], own, rtol=1e-4, atol=1e-4)
        assert scores[len(own) :].isinf().all()
    blanks = [as_swag({**row, "choices": [*row["choices"], "", ""][:4]}) for row in rows]
    assert examples(data_module(write(tmp_path / "blanks.csv", blanks), **SWAG)) == found


def test_metrics_are_over_the_examples(tmp_path: Path) -> None:
    task, data = model(), data_module(write(tmp_path / "rows.jsonl", ROWS), batch_size=7)
    (logged,) = trainer(tmp_path).validate(task, data, verbose=False)
    found = task.predict([{k: row[k] for k in row if k != "label"} for row in ROWS], data)
    right = [best["index"] == row["label"] for best, row in zip(found, ROWS, strict=True)]
    assert 0 < sum(right) < len(right)
    assert logged["val/accuracy"] == pytest.approx(sum(right) / len(right))
    batch = data.collate_fn(examples(data))
    loss = cross_entropy(task.eval()(batch)["logits"], batch["labels"]).item()
    assert logged["val/loss"] == pytest.approx(loss, rel=1e-4)


@pytest.mark.parametrize("values", [{}, SWAG, {"question_column": None}])
def test_predictions_one_by_one_and_together(values: dict[str, Any]) -> None:
    task, data = model(), MultipleChoiceDataModule(TOKENIZER, **values)
    inputs = [{key: row[key] for key in ("context", "question", "choices")} for row in ROWS[:6]]
    inputs[1] = {**inputs[1], "choices": [1, "two"]}
    together = task.predict(inputs, data, batch_size=4)
    alone = [task.predict([value], data)[0] for value in inputs]
    assert len({best["index"] for best in together}) > 1
    for best, other, value in zip(together, alone, inputs, strict=True):
        assert best["choice"] == other["choice"] == str(value["choices"][best["index"]])
        assert best["score"] == pytest.approx(other["score"], rel=1e-3)
    if values == SWAG:
        assert task.predict([as_swag(row) for row in ROWS[2:3]], data) == alone[2:3]


@pytest.mark.parametrize("value", ["text", {"context": "a", "choices": ["b", "c"]}, {"x": 1}])
def test_input_without_choices_is_refused(value: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"input .* lacks context, .* choices: \[one"):
        model().predict([value], MultipleChoiceDataModule(TOKENIZER))


MISTAKES: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "text for a list": ({"choices": "a or b"}, {}, "has no lists: write one column per choice"),
    "one choice": ({"choices": ["a"]}, {}, "has the choices ['a']: give at least 2"),
    "no column": ({}, {"choices_column": "options"}, "or dataset.choice_columns=[a,b]"),
    "gap": ({"choices": ["a", None, "c"]}, {}, "has an empty choice before others"),
    "label": ({"label": 4}, {}, "the label '4' in column 'label' of the train set is none of"),
    "no room": ({"question": "long " * 200}, {}, "and is not truncated: shorten it"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistake(mistake: str, tmp_path: Path) -> None:
    change, values, message = MISTAKES[mistake]
    file = write(tmp_path / "rows.jsonl", [{**row, **change} for row in ROWS])
    with pytest.raises(ConfigurationError) as caught:
        data_module(file, **values).setup("fit")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_test_set_with_secret_labels_is_left_out(tmp_path: Path) -> None:
    file = write(tmp_path / "rows.jsonl", ROWS)
    secret = write(tmp_path / "test.jsonl", [{**row, "label": -1} for row in ROWS])
    data = data_module(file, test_file=secret, padding="max_length", max_length=64)
    data.setup("fit")
    assert set(data.dataset or ()) == {"train", "validation"}
    assert next(iter(data.val_dataloader()))["input_ids"].shape == (16, 4, 64)


def test_exported_model_gives_the_same_logits(tmp_path: Path) -> None:
    task, data = model(), data_module(write(tmp_path / "rows.jsonl", ROWS))
    batch = data.collate_fn(examples(data))
    task.save_hf_checkpoint(tmp_path / "hf", TOKENIZER)
    exported = AutoModelForMultipleChoice.from_pretrained(tmp_path / "hf")
    assert torch.equal(exported(**batch).logits, task.eval()(batch)["logits"])


def test_numbers_in_a_csv_are_indices(project: Path) -> None:
    Path("a.csv").write_text("context,question,a,b,c,label\nx,y,1,2,3,2\nx,y,1,2,3,0\n")
    data = data_module("a.csv", choice_columns=["a", "b", "c"])
    data.setup("fit")
    assert list((data.dataset or {})["train"]["labels"]) == [2, 0]
