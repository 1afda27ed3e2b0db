"""Questions in the user's files: formats of answers, and errors in them."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.task.nlp.question_answering import QuestionAnsweringDataModule
from tests.helpers.windows import CONTEXT, QUESTION, TOKENIZER, row

ROWS = [row("Malmö"), row("Perth", question="Where was she born?"), row(None, question="Who?")]
CSV = (
    "context,question,answer_text,answer_start\n"
    f'"{CONTEXT}",{QUESTION},Malmö,{CONTEXT.index("Malmö")}\n'
    f'"{CONTEXT}",Where was she born?,Perth,\n'
    f'"{CONTEXT}",Who?,,\n'
)


def jsonl(*rows: dict[str, Any]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def squad(*rows: dict[str, Any]) -> str:
    """Return rows as SQuAD's original json, answers as a list of mappings."""
    questions = [
        {
            "id": str(number),
            "question": row["question"],
            "answers": [
                {"text": t, "answer_start": s}
                for t, s in zip(*row["answers"].values(), strict=True)
            ],
        }
        for number, row in enumerate(rows)
    ]
    paragraph = {"context": CONTEXT, "qas": questions}
    return json.dumps({"version": "2", "data": [{"title": "a", "paragraphs": [paragraph]}]})


def processed(name: str, content: str, **hyperparameters: Any) -> QuestionAnsweringDataModule:
    """Return the data module of a file that trains and validates."""
    Path(name).write_text(content)
    files = {"train_file": name, "validation_file": name}
    values = {"max_length": 64, "stride": 8} | hyperparameters
    data = QuestionAnsweringDataModule(TOKENIZER, **files, **values)
    data.setup("fit")
    return data


def in_cells(write: Callable[[dict[str, Any]], str]) -> str:
    """Return a csv with the answers as `write` writes them into a cell."""
    stream = io.StringIO()
    writer = csv.writer(stream)
    writer.writerow(["context", "question", "answers"])
    writer.writerows([r["context"], r["question"], write(r["answers"])] for r in ROWS)
    return stream.getvalue()


def as_pandas(answers: dict[str, Any]) -> str:
    """Return answers as pandas writes those of a dataset: arrays of numpy."""
    text, start = (f"array({values!r}" for values in answers.values())
    return f"{{'text': {text}, dtype=object), 'answer_start': {start}, dtype=int32)}}"


FILES = {
    "rows.csv": CSV,
    "json.csv": in_cells(json.dumps),
    "python.csv": in_cells(str),
    "pandas.csv": in_cells(as_pandas),
    "listed.jsonl": jsonl(*({**r, "answers": r["answers"]["text"]} for r in ROWS)),
    "flat.jsonl": jsonl(*({**r, "answers": (r["answers"]["text"] or [None])[0]} for r in ROWS)),
    "squad.json": squad(*ROWS),
    "listed.json": json.dumps({"data": ROWS}),
}


@pytest.mark.parametrize("name", FILES)
def test_every_form_of_answers_gives_the_same_examples(name: str, project: Path) -> None:
    expected = processed("rows.jsonl", jsonl(*ROWS))
    data = processed(name, FILES[name])
    assert data.dataset is not None
    assert expected.dataset is not None
    assert data.dataset["train"].to_list() == expected.dataset["train"].to_list()
    assert data.hparams["version_2_with_negative"] is True
    for one, other in zip(data.dataset["validation"], expected.dataset["validation"], strict=True):
        assert json.loads(one["window"]) | {"key": ""} == json.loads(other["window"]) | {"key": ""}


def test_whether_a_question_may_have_no_answer_is_told_by_the_training_set(project: Path) -> None:
    assert processed("rows.jsonl", jsonl(*ROWS[:2])).version_2_with_negative is False
    assert processed("rows.jsonl", jsonl(*ROWS)).version_2_with_negative is True
    data = processed("rows.jsonl", jsonl(*ROWS), version_2_with_negative=False)
    assert data.version_2_with_negative is False


def test_a_number_in_a_csv_is_found_as_it_stands(project: Path) -> None:
    content = 'context,question,answer_text\n"Born in 1908.",When?,1908\n"Born.",When?,\n'
    data = processed("years.csv", content)
    assert data.dataset is not None
    window = json.loads(data.dataset["validation"][0]["window"])
    assert window["answers"] == ["1908"]
    assert data.dataset["train"][0]["start_positions"] > 0


LONG = "Where " * 50
MISTAKES: dict[str, tuple[str, str, dict[str, Any], str]] = {
    "no answers": ("a.csv", "context,question\na,b\n", {}, "no column 'answers' (its columns:"),
    "no context": (
        "a.csv",
        "text,question,answers\na,b,\n",
        {},
        "set dataset.context_column=<column>",
    ),
    "empty": (
        "a.csv",
        "context,question,answers\na,b,a\n,b,\n",
        {},
        "line 3 has no value in column 'context'",
    ),
    "elsewhere": ("a.jsonl", jsonl(row(None, answers="Oslo")), {}, "'Oslo' is not in its context"),
    "unequal": (
        "a.jsonl",
        jsonl(row(None, answers={"text": ["a"], "answer_start": [0, 1]})),
        {},
        "1 text but 2 answer_start",
    ),
    "other form": (
        "a.jsonl",
        jsonl(row(None, answers={"a": "b"})),
        {},
        "answers must be {text: […]",
    ),
    "start": (
        "a.jsonl",
        jsonl(row(None, answers="a", answer_start="x")),
        {},
        "answer_start=x is not a number",
    ),
    "other json": (
        "a.json",
        json.dumps({"data": [{"paragraphs": [{"a": 1}]}]}),
        {},
        "'paragraphs' of the json file is not in SQuAD's format",
    ),
    "question": (
        "a.jsonl",
        jsonl(row(None, question=LONG)),
        {},
        "leaves 0 of dataset.max_length=64",
    ),
    "stride": ("a.jsonl", jsonl(*ROWS), {"stride": 60}, "must exceed dataset.stride=60"),
    "truncation": (
        "a.jsonl",
        jsonl(*ROWS),
        {"max_length": 30, "truncation": False},
        "truncation=true",
    ),
    "stream": ("a.jsonl", jsonl(*ROWS), {"streaming": True}, "version_2_with_negative=true or"),
    "column": ("a.jsonl", jsonl(*ROWS), {"question_column": "answers"}, "not text: set dataset.qu"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistake(mistake: str, project: Path) -> None:
    name, content, hyperparameters, message = MISTAKES[mistake]
    with pytest.raises(ConfigurationError) as caught:
        processed(name, content, **hyperparameters)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
