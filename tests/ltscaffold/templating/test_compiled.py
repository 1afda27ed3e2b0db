"""Compiled templates in the cache: used if intact and of the same source, else compiled again."""

from pathlib import Path

import pytest

from ltscaffold.templating.sandbox import Sandbox


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache_of_the_test: None) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    templates = tmp_path / "templates"
    templates.mkdir()
    (templates / "one.jinja").write_text("one {{ name }}")
    return templates


def rendered(folder: Path) -> str:
    return Sandbox([folder]).get_template("one.jinja").render(name="x")


def compiled(folder: Path) -> list[Path]:
    return sorted(folder.parent.glob("cache/ltscaffold/compiled-*/*"))


def test_a_template_is_compiled_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert rendered(folder) == "one x"
    assert len(compiled(folder)) == 1
    monkeypatch.setattr(Sandbox, "compile", None)
    assert rendered(folder) == "one x"


def test_a_changed_template_is_compiled_again(folder: Path) -> None:
    rendered(folder)
    (folder / "one.jinja").write_text("two {{ name }}")
    assert rendered(folder) == "two x"


@pytest.mark.parametrize("damage", [b"", b"x" * 40])
def test_a_damaged_file_is_replaced(folder: Path, damage: bytes) -> None:
    rendered(folder)
    (path,) = compiled(folder)
    intact = path.read_bytes()
    path.write_bytes(damage + intact[len(damage) :] if damage else damage)
    assert rendered(folder) == "one x"
    assert path.read_bytes()[:32] == intact[:32]


def test_other_code_of_the_environment_does_not_use_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rendered(folder)
    monkeypatch.setattr("jinja2.__version__", "0")
    rendered(folder)
    assert len({path.parent for path in compiled(folder)}) == 2


def test_without_space_nothing_is_kept(folder: Path) -> None:
    rendered(folder)
    (path,) = compiled(folder)
    path.unlink()
    path.parent.rmdir()
    path.parent.touch()  # no folder can have this name
    assert rendered(folder) == "one x"
    assert path.parent.is_file()
