"""The installed ltscaffold as a requirement, and whether it satisfies a recorded one."""

import json
from importlib import metadata
from types import SimpleNamespace

import pytest

from ltscaffold.project.shell.installation import (
    after_setup,
    installed_requirement,
    is_installed,
    is_newer,
    note_on_origin,
)
from ltscaffold.record import names
from ltscaffold.record.answers import Answers, Component

COMMIT = "a" * 40
WHEEL = "file:///dist/ltscaffold-0.2.0-py3-none-any.whl"
ORIGINS = {
    "index": (None, "ltscaffold[train]==0.2.0"),
    "wheel": ({"url": WHEEL, "archive_info": {}}, f"ltscaffold[train] @ {WHEEL}"),
    "folder": (
        {"url": "file:///src/it", "dir_info": {"editable": True}},
        "ltscaffold[train] @ file:///src/it",
    ),
    "git": (
        {
            "url": "https://example.org/it.git",
            "vcs_info": {"vcs": "git", "commit_id": COMMIT, "requested_revision": "main"},
        },
        f"ltscaffold[train] @ git+https://example.org/it.git@{COMMIT}",
    ),
    "folder of a git repository": (
        {
            "url": "https://example.org/it.git",
            "vcs_info": {"vcs": "git", "commit_id": COMMIT},
            "subdirectory": "tools/it",
        },
        f"ltscaffold[train] @ git+https://example.org/it.git@{COMMIT}#subdirectory=tools/it",
    ),
}


def install(monkeypatch: pytest.MonkeyPatch, origin: object, **versions: str) -> None:
    """Let metadata of packages say so; only ltscaffold and the given ones are installed."""
    text = None if origin is None else json.dumps(origin)
    known = {"ltscaffold": "0.2.0", **versions}
    monkeypatch.setattr(names, "is_installed", known.__contains__)
    monkeypatch.setattr(metadata, "version", known.__getitem__)
    found = SimpleNamespace(read_text={"direct_url.json": text}.__getitem__)
    monkeypatch.setattr(metadata, "distribution", {"ltscaffold": found}.__getitem__)


@pytest.mark.parametrize("kind", ORIGINS)
def test_the_requirement_names_the_origin(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    origin, expected = ORIGINS[kind]
    install(monkeypatch, origin)
    assert installed_requirement() == expected
    assert is_installed(expected)


@pytest.mark.parametrize(
    ("requirement", "satisfied"),
    [
        ("ltscaffold[train]==0.2.0", True),
        ("ltscaffold>=0.2,<0.3", True),
        ("ltscaffold[train]==0.3.0", False),
        (f"ltscaffold[train] @ {WHEEL}", True),
        (f"ltscaffold @ {WHEEL.replace('0.2.0', '0.1.0')}", False),
        (f"ltscaffold @ git+https://example.org/it.git@{COMMIT}", True),
        (f"ltscaffold @ git+https://example.org/it.git@{'b' * 40}", False),
    ],
)
def test_a_requirement_is_compared_with_what_is_installed(
    requirement: str, satisfied: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch, ORIGINS["git"][0])
    assert is_installed(requirement) == satisfied


@pytest.mark.parametrize(
    ("requirement", "newer"),
    [
        ("ltscaffold[train]==0.2.0", False),
        ("ltscaffold[train]==0.10.0", True),
        ("ltscaffold>=0.3,<0.4", True),
        ("ltscaffold==0.3.*", True),
        ("ltscaffold<0.3", False),
        (f"ltscaffold @ {WHEEL.replace('0.2.0', '0.3.0')}", True),
        (f"ltscaffold @ {WHEEL.replace('0.2.0', '0.1.0')}", False),
        (f"ltscaffold @ git+https://example.org/it.git@{COMMIT}", False),
    ],
)
def test_a_newer_requirement_is_known_by_its_version(
    requirement: str, newer: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch, None)
    assert is_newer(requirement) == newer


def record(requirement: str) -> Answers:
    part = Component("shell", "uv", "", "Project", [], "v2.0.0", requirement=requirement)
    return Answers("v2.0.0", "", "tasks", [part] if requirement else [])


@pytest.mark.parametrize(
    ("versions", "requirement", "expected"),
    [
        ({"pytest": "9.0"}, "ltscaffold==1", ["pytest"]),
        ({"pip": "23.2.1"}, "", ["pip install pytest", "pytest"]),
        ({}, "ltscaffold==1", ["uv sync", "uv run pytest"]),
        ({"pip": "25.1"}, "ltscaffold==1", ["pip install . --group dev", "pytest"]),
        (
            {"pip": "25.0.1"},
            "ltscaffold==1",
            ["pip install --upgrade pip", "pip install . --group dev", "pytest"],
        ),
    ],
)
def test_pytest_is_installed_before_it_is_run(
    versions: dict[str, str],
    requirement: str,
    expected: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    install(monkeypatch, None, **versions)
    assert after_setup(record(requirement), ["pytest"]) == expected


def test_a_path_of_the_machine_is_noted() -> None:
    assert note_on_origin(record("ltscaffold==1")) == []
    (note,) = note_on_origin(record(f"ltscaffold @ {WHEEL}"))
    assert "on this machine only" in note
