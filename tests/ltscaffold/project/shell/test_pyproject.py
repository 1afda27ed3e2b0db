"""`check` compares pyproject.toml with the installed ltscaffold."""

from pathlib import Path

import pytest

from ltscaffold.commands.inspect.check import check
from ltscaffold.project.shell import installation
from tests.helpers.projects import new_task, update

PIN = "ltscaffold[train]==0.1.0"


@pytest.fixture
def pinned(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the pyproject.toml of a project that was made with version 0.1.0."""
    with monkeypatch.context() as patch:
        patch.setattr("ltscaffold.project.shell.parts.installed_requirement", lambda: PIN)
        new_task(project, "mine", "language_modeling", shell=["uv", "ci"])
    return project / "pyproject.toml"


def findings(project: Path) -> list[tuple[str, int, str]]:
    return [(each.code, each.line, each.message) for each in check(project)]


def test_another_version_is_found_with_its_line(pinned: Path) -> None:
    ((code, line, message),) = findings(pinned.parent)
    assert code == "ltscaffold-version"
    assert PIN in pinned.read_text().splitlines()[line - 1]
    assert message == (
        f"{PIN} is required, but ltscaffold {installation.installed_version()} is installed; "
        "install the former, or require the latter with `ltscaffold update`"
    )


def test_update_requires_the_installed_version(pinned: Path) -> None:
    pinned.write_text(pinned.read_text().replace("line-length = 100", "line-length = 80"))
    plan = update(pinned.parent)
    jobs = {".github/workflows/update.yml", ".gitlab-ci.yml"}  # of another origin
    changed = {change.path for change in plan.changes} - jobs
    assert changed == {".copier-answers.yml", "pyproject.toml"}
    requirement = installation.installed_requirement()
    assert plan.notes[0] == f"the project now requires {requirement}, in place of {PIN}"
    local = " @ file:" in requirement
    assert [note for note in plan.notes if "on this machine only" in note] or not local
    text = pinned.read_text()
    assert f'"{installation.installed_requirement()}",\n' in text
    assert "line-length = 80" in text
    assert findings(pinned.parent) == []
    again = update(pinned.parent)
    assert again.changes == []
    assert not [note for note in again.notes if "requirement" in note or "requires" in note]


def test_update_keeps_the_requirement_of_a_newer_version(
    pinned: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(installation, "installed_version", lambda: "0.0.9")
    monkeypatch.setattr("ltscaffold.project.shell.parts.installed_version", lambda: "0.0.9")
    plan = update(pinned.parent)
    assert plan.changes == []
    (note,) = [note for note in plan.notes if PIN in note]
    assert note == (
        f"the project keeps the requirement {PIN}, which is newer than the installed ltscaffold "
        "0.0.9; install it"
    )
    ((_, _, message),) = findings(pinned.parent)
    assert message.endswith("; install the former")


def test_an_update_of_one_component_leaves_the_requirement(pinned: Path) -> None:
    assert update(pinned.parent, ["mine"]).changes == []
    assert PIN in pinned.read_text()


def test_a_pyproject_without_ltscaffold_is_found(pinned: Path) -> None:
    pinned.write_text("[project]\nname = 'mine'\ndependencies = ['torch']\n")
    ((code, _, message),) = findings(pinned.parent)
    assert code == "ltscaffold-version"
    assert message.startswith('dependencies lack ltscaffold; add "ltscaffold[train]')


def test_an_invalid_pyproject_is_found(pinned: Path) -> None:
    pinned.write_text("[project\n")
    ((code, _, message),) = findings(pinned.parent)
    assert code == "toml-error"
    assert message.startswith("invalid pyproject.toml: ")
