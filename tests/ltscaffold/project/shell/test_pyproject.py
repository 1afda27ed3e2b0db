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
    assert {change.path for change in update(pinned.parent).changes} == {
        ".copier-answers.yml",
        "pyproject.toml",
    }
    text = pinned.read_text()
    assert f'"{installation.installed_requirement()}",\n' in text
    assert "line-length = 80" in text
    assert findings(pinned.parent) == []
    assert update(pinned.parent).changes == []


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
