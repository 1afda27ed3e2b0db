"""The keys that replace arguments of transformers' scripts are those of the migration page."""

import re

from build_tools.release_templates import ROOT
from lightning_transformers.config.schema.training_arguments import KEYS

PAGE = (ROOT / "docs/migration/run-scripts.md").read_text("utf-8")
WITHOUT_KEY = {"do_train", "do_eval", "do_predict", "token"}


def rows() -> list[tuple[list[str], list[str]]]:
    """Return the arguments and the overrides of each row of the two tables."""
    tables = PAGE.partition("## TrainingArguments")[2].partition("## No counterpart")[0]
    found = re.findall(r"^\| (`.*) \| (.*) \|$", tables, re.MULTILINE)
    code = re.compile(r"`([^`]+)`")
    return [
        ([each.partition("=")[0] for each in code.findall(left)], code.findall(right))
        for left, right in found
    ]


def fits(key: str, override: str) -> bool:
    """Return whether an override sets a key, or has the given value."""
    words = override.split()
    return any(word == key or word.startswith((f"{key}=", f"{key}.")) for word in words)


def test_each_key_is_in_the_row_of_its_argument() -> None:
    for name, key in KEYS.items():
        assert any(name in names and any(fits(key, o) for o in new) for names, new in rows()), name


def test_each_argument_of_the_page_has_a_key() -> None:
    assert {name for names, _ in rows() for name in names} == KEYS.keys() | WITHOUT_KEY


def test_a_key_of_another_row_does_not_fit() -> None:
    assert fits("optimizer.lr", "optimizer.lr=2e-5")
    assert not fits("optimizer.lr", "optimizer.lrs=2e-5")
    assert not fits("trainer.precision=16-mixed", "trainer.precision=bf16-mixed")
