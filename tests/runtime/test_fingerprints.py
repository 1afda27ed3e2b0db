"""What was processed once is found again, by another process too, and only if nothing changed."""

import importlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset

from lightning_transformers.core import TransformerDataModule
from lightning_transformers.core.fingerprints import fingerprint
from lightning_transformers.core.source_code import texts_of
from lightning_transformers.task.nlp.language_modeling import LanguageModelingDataModule
from release_templates import ROOT
from tests.runtime.test_own_files import TOKENIZER

MODULE = '''
"""A dataset of a project, with a method of its own for the rows."""
import sys
from helpers import words
from lightning_transformers.core.sources import Rows
from lightning_transformers.task.nlp.language_modeling import LanguageModelingDataModule

class OwnDataModule(LanguageModelingDataModule):
    keep: int = 3

    def process_split(self, split: str, rows: Rows) -> Rows:
        short = self.map_rows(split, rows, self.shorten, column=self.text_column)
        return super().process_split(split, short)

    def shorten(self, columns, column):
        print("processing", file=sys.stderr)
        return {column: [" ".join(words(text)[: 10 * self.keep]) for text in columns[column]]}
'''
HELPERS = "def words(text):\n    return text.split()\n"
SCRIPT = """
import sys
from own import OwnDataModule
from tests.runtime.test_own_files import TOKENIZER
TOKENIZER(["x"] * int(sys.argv[2]), truncation=True, max_length=2)
values = dict(argument.split("=") for argument in sys.argv[3:])
data = OwnDataModule(TOKENIZER, train_file="train.txt", validation_file="train.txt",
                     block_size=8, cache_dir=sys.argv[1], **values)
data.setup("fit")
print(data.dataset["train"]._fingerprint)
"""


@pytest.fixture
def process(tmp_path: Path) -> Any:
    """Return a function that processes rows in a new process: the fingerprint, whether anew."""
    (tmp_path / "own.py").write_text(MODULE)
    (tmp_path / "helpers.py").write_text(HELPERS)
    (tmp_path / "train.txt").write_text("a few words in a line\n" * 50)
    calls = iter(range(1, 100))

    def process(*values: str) -> tuple[str, bool]:
        command = [sys.executable, "-c", SCRIPT, str(tmp_path / "cache"), str(next(calls)), *values]
        paths = os.pathsep.join([str(tmp_path), str(ROOT / "scaffold"), str(ROOT)])
        environment = os.environ | {"PYTHONPATH": paths}
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
        )
        return done.stdout.strip(), "processing" in done.stderr

    return process


def test_another_process_finds_what_a_generated_class_made(process: Any, tmp_path: Path) -> None:
    first, anew = process()
    assert anew
    assert process("batch_size=3", "num_workers=2") == (first, False)
    other, anew = process("keep=2")
    assert other != first
    assert anew
    (tmp_path / "helpers.py").write_text(HELPERS.replace("split()", "split(' ')"))
    edited, anew = process()
    assert edited not in (first, other)
    assert anew


ROWS = Dataset.from_dict({"text": ["one", "two"]})


def upper(columns: dict[str, list[str]]) -> dict[str, list[str]]:
    return {"text": [text.upper() for text in columns["text"]]}


def name_of(rows: Dataset = ROWS, function: Any = upper, **arguments: Any) -> str:
    return fingerprint(rows, function, arguments, TransformerDataModule)


def test_what_matters_makes_another_name() -> None:
    names = {
        name_of(),
        name_of(column="text"),
        name_of(column="body"),
        name_of(tokenizer=TOKENIZER),
        name_of(tokenizer=type(TOKENIZER).from_pretrained(TOKENIZER.name_or_path, eos_token="x")),
        name_of(Dataset.from_dict({"text": ["one", "three"]})),
        name_of(function=lambda columns: columns),
    }
    assert len(names) == 7
    assert name_of() == name_of()


def test_earlier_calls_of_a_tokenizer_do_not_matter() -> None:
    before = name_of(tokenizer=TOKENIZER)
    TOKENIZER(["x"], truncation=True, max_length=3, padding="max_length")
    assert name_of(tokenizer=TOKENIZER) == before


def test_all_that_a_module_imports_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    package = tmp_path / "mine"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "sizes.py").write_text("LENGTH = 3\n")
    (package / "rows.py").write_text(
        "import numpy\n\ndef cut(columns):\n    from .sizes import LENGTH\n    return columns\n"
    )
    function = importlib.import_module("mine.rows").cut
    assert list(texts_of("mine.rows")) == ["mine.rows", "mine.sizes"]
    before = name_of(function=function)
    (package / "sizes.py").write_text("LENGTH = 4\n")
    assert name_of(function=function) != before


def test_plain_datasets_names_a_method_by_all_that_its_object_has() -> None:
    def plain(function: Any) -> str:
        return str(ROWS.map(function, batched=True)._fingerprint)

    class Own(LanguageModelingDataModule):
        def shorten(self, columns: Any) -> Any:
            return columns

    one, other = Own(TOKENIZER), Own(TOKENIZER)
    one.seen, other.seen = [1], [2]
    assert plain(one.shorten) != plain(other.shorten)
    assert name_of(function=one.shorten) == name_of(function=other.shorten)
