"""CONTRIBUTING.md is short, and the paths that it and the design decisions name exist."""

import re
from pathlib import Path

import pytest

from build_tools.release_templates import ROOT

GUIDE = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
DESIGN = (ROOT / "docs/explanation/design.md").read_text("utf-8")
SCAFFOLD = ROOT / "scaffold"
TOP = "scaffold|tests|templates|docs|benchmarks|generated_examples"
WRITTEN_BY_THE_READER = {
    "templates/recipes/sign_gradient.jinja",
    "scaffold/ltscaffold/commands/inspect/files.py",
}


def test_it_is_short() -> None:
    assert len(GUIDE.split()) <= 1300


def test_paths_exist() -> None:
    paths = set(re.findall(rf"(?<![\w./])(?:{TOP})/[\w./<>-]*[\w/>]", GUIDE))
    assert len(paths) > 20
    assert paths > WRITTEN_BY_THE_READER
    for path in paths - WRITTEN_BY_THE_READER:
        assert list(ROOT.glob(re.sub("<.*?>", "*", path))), path
    for path in WRITTEN_BY_THE_READER:
        assert (ROOT / path).parent.is_dir()
        assert not (ROOT / path).exists(), "the example is taken: choose another"


def test_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z-]+)", GUIDE.replace("git and make.", "")))
    assert named
    assert named <= targets


@pytest.mark.parametrize("package", ["ltscaffold", "lightning_transformers"])
def test_map_names_each_room(package: str) -> None:
    _, _, below = GUIDE.partition(f"| `scaffold/{package}`")
    cells = re.findall(r"^\| (.*?) \|", below.partition("\n\n")[0], re.MULTILINE)
    named = {name for cell in cells for name in re.findall(r"`([\w/]+)`", cell)}
    rooms = {path.name for path in (SCAFFOLD / package).iterdir() if path.is_dir()}
    assert named == rooms - {"__pycache__"}


def test_each_decision_has_its_cost() -> None:
    decisions, _, kept = DESIGN.partition("\n## Why not the library's version")
    entries = re.findall(r"^\* \*\*.*(?:\n  .*)*", decisions, re.MULTILINE)
    assert len(entries) >= 67
    assert [entry for entry in entries if entry.count("*Cost:*") != 1] == []
    assert kept


def test_modules_of_the_decisions_exist() -> None:
    language_modeling = SCAFFOLD / "lightning_transformers/task/nlp/language_modeling"
    config = SCAFFOLD / "lightning_transformers/config"
    places = [ROOT, SCAFFOLD / "ltscaffold", SCAFFOLD / "lightning_transformers"]
    for name in set(re.findall(r"`([\w./-]+\.(?:py|yaml))`", DESIGN)):
        known = [*places, language_modeling, config] if Path(name).name == name else places
        assert [place for place in known if (place / name).exists()], name
