"""Sentences with tags in the user's files: formats, and errors in them."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from lightning_transformers.base.errors import ConfigurationError
from tests.helpers.tags import PIECES, data_module, wordpiece

ROWS = [
    {"tokens": ["EU", "rejects", "German", "lamb"], "ner_tags": ["B-ORG", "O", "B-MISC", "O"]},
    {"tokens": ["Peter", "Blackburn"], "ner_tags": ["B-PER", "I-PER"]},
]
TAGS = ["B-MISC", "B-ORG", "B-PER", "I-PER", "O"]


def write(kind: str, rows: Sequence[dict[str, list[Any]]] = ROWS) -> str:
    """Write rows as a file of a kind and return its name."""
    lines = {
        "jsonl": [json.dumps(row) for row in rows],
        "csv": ["tokens,ner_tags"]
        + [",".join(" ".join(map(str, values)) for values in row.values()) for row in rows],
        "tsv": ["tokens\tner_tags"]
        + ["\t".join(str([*map(str, values)]) for values in row.values()) for row in rows],
        "txt": ["-DOCSTART- -X- O\n"]
        + ["\n".join(f"{word} X {tag}" for word, tag in zip(*row.values(), strict=True)) + "\n"
           for row in rows],
    }  # fmt: skip
    Path(f"own.{kind}").write_text("\n".join(lines[kind]) + "\n")
    return f"own.{kind}"


@pytest.mark.parametrize("kind", ["jsonl", "csv", "txt", "tsv"])
def test_every_format_gives_the_same_examples(kind: str, project: Path) -> None:
    files = {"train_file": write(kind), "validation_file": write(kind)}
    data = data_module(wordpiece(), **files, limit_train_samples=1)
    data.setup("fit")
    assert data.class_names() == TAGS
    (row,) = data.dataset["train"]  # type: ignore[index]
    assert [PIECES[token] for token in row["input_ids"]] == ["eu", "re", "##ject", "##s", "[UNK]"]
    assert row["word_ids"] == [0, 1, 1, 1, 2]  # the last word is cut off


MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    "lengths": ({"tokens": ["a", "b"], "ner_tags": ["O"]}, "has 2 words but 1 tags (a b"),
    "unknown": ({"tokens": ["a"], "ner_tags": ["B-ROG"]}, "'B-ROG' in column 'ner_tags' of the "
                "validation set is none of the 5 classes (did you mean 'B-ORG'?)"),
    "far": ({"tokens": ["a"], "ner_tags": ["verb"]}, "is none of the 5 classes (known: B-MISC, "
            "B-ORG, B-PER, I-PER, O): fix the data"),
    "null": ({"tokens": ["a"], "ner_tags": [None]}, "the label 'None' in column 'ner_tags'"),
    "numbers": ({"tokens": [1], "ner_tags": ["O"]}, "'tokens' of the validation set is int64"),
    "numpy as text": ({"tokens": "['a' 'b']", "ner_tags": "O O"}, "is a list written as text"),
    "empty": ({"tokens": [], "ner_tags": []}, "the validation set has no text in column 'tokens'"),
    "column": ({"words": ["a"], "ner_tags": ["O"]}, "set dataset.tokens_column=<column>"),
    "beyond": ({"tokens": ["a"], "ner_tags": [5]}, "the label '5' in column"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistake(mistake: str, project: Path) -> None:
    row, message = MISTAKES[mistake]
    Path("bad.jsonl").write_text(json.dumps(row) + "\n")
    data = data_module(train_file=write("jsonl"), validation_file="bad.jsonl")
    with pytest.raises(ConfigurationError) as caught:
        data.setup("fit")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_tag_is_no_class(project: Path) -> None:
    file = write("jsonl", [{"tokens": ["a", "b", "c"], "ner_tags": [0, 1, None]}])
    with pytest.raises(ConfigurationError, match="the label 'None' in column 'ner_tags'"):
        data_module(train_file=file, validation_file=file).setup("fit")


def test_txt_that_is_no_list_of_words(project: Path) -> None:
    Path("own.txt").write_text("It O\n\nIt is a truth\n")
    with pytest.raises(ConfigurationError, match=r"'own.txt' line 3 has 4 fields"):
        data_module(train_file="own.txt").setup("fit")


def test_long_sentence_is_an_error_where_it_must_not_be_cut(project: Path) -> None:
    data = data_module(wordpiece(), train_file=write("jsonl"), truncation=False)
    with pytest.raises(
        ConfigurationError, match="an input has 6 tokens, more than the maximum of 5"
    ):
        data.setup("fit")
