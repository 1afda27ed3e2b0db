"""Pairs of lines in two text files, for translation and summarization."""

from pathlib import Path
from typing import Any

import pytest

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.models.backbone import Backbone
from lightning_transformers.task.nlp.summarization import SummarizationDataModule
from lightning_transformers.task.nlp.translation import TranslationDataModule
from tests.helpers.language_modeling import TINY

TOKENIZER = Backbone(f"{TINY}/t5").load_tokenizer()


def translation(**values: Any) -> TranslationDataModule:
    """Return data of five lines per file, of which one has no source."""
    Path("train.en").write_text("a cat\n\na dog\none\ntwo\n")
    Path("train.de").write_text("eine Katze\nnichts\nein Hund\neins\nzwei\n")
    Path("short.txt").write_text("one\ntwo\n")
    files = {"source_file": "train.en", "target_file": "train.de"}
    return TranslationDataModule(TOKENIZER, **{**files, "train_val_split": 0.4, **values})


def test_the_endings_are_the_languages(project: Path) -> None:
    data = translation()
    data.setup("fit")
    pairs = [row for rows in data.raw_dataset.values() for row in rows]
    assert {"en": "a dog", "de": "ein Hund"} in pairs
    assert len(pairs) == 5
    assert data.languages() == ("en", "de")
    assert data.t5_prefix() == "translate English to German: "
    assert data.files_of("train") == [str(project / f"train.{end}") for end in ("en", "de")]


def test_a_validation_file_has_the_same_columns(project: Path) -> None:
    Path("v.jsonl").write_text('{"source": "a", "target": "b"}\n')
    data = translation(source_file="short.txt", target_file="short.txt", validation_file="v.jsonl")
    assert {name: len(rows) for name, rows in data.raw_dataset.items()} == {
        "train": 2,
        "validation": 1,
    }
    assert data.languages() == ("source", "target")


def test_texts_with_summaries(project: Path) -> None:
    Path("a.txt").write_text("a long text\nanother\n")
    Path("b.txt").write_text("text\nother\n")
    data = SummarizationDataModule(TOKENIZER, source_file="a.txt", target_file="b.txt")
    assert data.loaded_dataset["train"][0] == {"text": "a long text", "summary": "text"}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"target_file": "short.txt"}, "'train.en' has 5 lines, 'short.txt' has 2"),
        ({"target_file": None}, "only dataset.source_file is set: set dataset.target_file="),
        ({"target_file": "no.de"}, "the file 'no.de' does not exist"),
        ({"streaming": True}, "set dataset.streaming=false"),
    ],
)
def test_files_that_do_not_fit(values: dict[str, Any], message: str, project: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        translation(**values).load_dataset()
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
