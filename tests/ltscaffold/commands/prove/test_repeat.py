"""The cache of repetitions: what it depends on, and what it survives."""

import json
import os
import sys
from pathlib import Path

import pytest

from lightning_transformers.base.traces.format import Entry, Trace
from ltscaffold.commands.prove import repeat
from ltscaffold.commands.prove.repeat import Repeater, Repetition, package_states
from ltscaffold.commands.prove.runs import Run


def test_a_repetition_is_kept_and_a_damaged_one_is_repeated(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "train.py").write_text("x = 1\n")
    monkeypatch.setattr(repeat, "package_states", lambda path: {})
    monkeypatch.setattr(repeat, "cache_root", lambda: project.parent / "cache")
    result = Repetition(Trace([Entry(1, "loss", "0.5")]), "", {"seed": 1})
    monkeypatch.setattr(Repeater, "_run", lambda *_: result)
    repeater = Repeater(project)
    for started in (1, 1):
        assert repeater.repeat(Run([]), {}) == result
        assert repeater.started == started
    (kept,) = (project.parent / "cache/proofs").glob("*.json")
    kept.write_text(kept.read_text()[:5])
    assert repeater.repeat(Run([]), {}) == result
    assert repeater.started == 2
    kept.with_suffix(".trace").unlink()
    assert repeater.repeat(Run([]), {}) == result
    assert repeater.started == 3
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    repeater.repeat(Run([]), {})
    monkeypatch.setattr(repeat.platform, "node", lambda: "another")
    repeater.repeat(Run([]), {})
    assert repeater.started == 5


def test_the_state_of_a_package_has_its_origin_and_edits(tmp_path: Path) -> None:
    folder, site = tmp_path / "runtime", tmp_path / "site"
    folder.mkdir()
    (folder / "mine.py").write_text("x = 1\n")
    record = site / "mine-1.0.dist-info"
    record.mkdir(parents=True)
    (record / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1.0\n")
    seen = [package_states([str(site)])]
    for commit in ("a", "b"):
        origin = {"url": "https://example.org/mine", "vcs_info": {"commit_id": commit}}
        (record / "direct_url.json").write_text(json.dumps(origin))
        seen.append(package_states([str(site)]))
    editable = {"url": folder.as_uri(), "dir_info": {"editable": True}}
    (record / "direct_url.json").write_text(json.dumps(editable))
    seen.append(package_states([str(site)]))
    os.utime(folder / "mine.py", (1, 1))
    seen.append(package_states([str(site)]))
    assert len({json.dumps(state) for state in seen}) == 5
    assert package_states([str(site)]) == seen[-1]
    assert "pytest" in package_states(sys.path)


def test_a_repetition_cannot_write_to_the_project_through_a_link(project: Path) -> None:
    for path, text in {
        "data/rows.csv": "text",
        "tests/test_it.py": "def test_it():\n    open('data/rows.csv', 'a').write('more')\n",
        "tests/test_new.py": "def test_new():\n    open('new.csv', 'x').write('text')\n",
    }.items():
        (project / path).parent.mkdir(exist_ok=True)
        (project / path).write_text(text)
    repeater = Repeater(project)
    failure = repeater.failed_tests({}, "tests/test_it.py")
    assert failure.startswith("FAILED tests/test_it.py::test_it - PermissionError: [Errno 13]")
    assert (project / "data/rows.csv").read_text() == "text"
    assert repeater.failed_tests({}, "tests/test_new.py") == ""
    assert not (project / "new.csv").exists()
