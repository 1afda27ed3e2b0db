"""The page of a proof has each component with its difference, causes and limits."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from lightning_transformers.reports import proof

COMPONENT: dict[str, Any] = {
    **{"name": "mine", "verdict": "identical", "tests": "", "run": None, "steps": 20, "values": 64},
    **{"difference": None, "causes": [], "origins": [], "limits": []},
}
DIFFERENCE = {"step": 7, "metric": "train/loss", "expected": "0.5", "found": "0.25"}


def page_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *components: dict[str, Any]) -> str:
    """Return the text of a page, without its style and tags."""
    content = {"change": "update", "machine": "Linux x86_64", "versions": {"torch": "2.13.0"}}
    content |= {"before": "a1", "after": "b2", "components": [*components]}
    source, page = tmp_path / "proof.json", tmp_path / "page.html"
    source.write_text(json.dumps(content))
    monkeypatch.setattr("sys.argv", ["proof", str(source), str(page)])
    proof.main()
    body = page.read_text().partition("</style>")[2]
    return " ".join(re.sub("<[^>]*>", " ", body).split())


def test_an_identical_component_names_machine_versions_and_digests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = page_of(tmp_path, monkeypatch, COMPONENT)
    assert "Bit-identical: update" in text
    assert "mine identical pass smoke run 20 64" in text
    assert "machine Linux x86_64 torch 2.13.0" in text
    assert "project before a1 project after b2" in text


def test_a_difference_its_cause_a_failed_test_and_a_limit_are_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = COMPONENT | {"verdict": "different", "difference": DIFFERENCE, "run": "outputs/a"}
    changed |= {"causes": ["label_smoothing in conf/task/nlp/mine.yaml"], "origins": ["v2.2.0"]}
    failed = COMPONENT | {"name": "other", "verdict": "unproven", "tests": "FAILED test_other.py"}
    failed |= {"limits": ["it used 2 processes"]}
    text = page_of(tmp_path, monkeypatch, changed, failed)
    assert "Not proven identical: update" in text
    assert "first difference train/loss at step 7 before 0.5 after 0.25" in text
    assert "Cause: label_smoothing in conf/task/nlp/mine.yaml From: v2.2.0" in text
    assert "other unproven fail smoke run" in text
    assert "Tests: FAILED test_other.py Note: it used 2 processes" in text
