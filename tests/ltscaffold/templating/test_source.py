"""The template history is served to git and cached, and never incomplete."""

import subprocess
from pathlib import Path

import pytest

from build_tools.release_templates import BUNDLE, TEMPLATES, newest_version, release
from ltscaffold.errors import ScaffoldError
from ltscaffold.templating import source
from tests.conftest import Run
from tests.helpers.releases import NEXT, build_release
from tests.helpers.tree import tree


def test_git_reads_the_history_by_its_url(run: Run) -> None:
    done = run("git", "ls-remote", "--tags", source.SOURCE_URL)
    assert done.returncode == 0, done.stderr
    assert [line.split("refs/tags/")[1] for line in done.stdout.splitlines()] == source.versions(
        source.SOURCE_URL
    )


def test_git_cannot_push(project: Path, run: Run) -> None:
    assert run("git", "clone", "--quiet", source.SOURCE_URL, "clone").returncode == 0
    done = run("git", "-C", "clone", "push", "origin", "HEAD:refs/heads/evil")
    assert done.returncode != 0


def test_a_command_that_is_not_offered_is_refused() -> None:
    done = subprocess.run(
        ["git-remote-ltscaffold", "origin", "templates.git"],
        input="option verbosity 1\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "not supported" in done.stderr


def test_without_git_the_error_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ScaffoldError, match="git is not on PATH"):
        source.checkout(source.SOURCE_URL, "v2.0.0-1-gabc1234")  # no tag, whose commit is known


@pytest.mark.usefixtures("cache_of_the_test")
def test_a_cache_that_cannot_be_written_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(ScaffoldError, match="set XDG_CACHE_HOME"):
        source.versions(source.SOURCE_URL)


@pytest.mark.usefixtures("cache_of_the_test")
def test_the_users_git_attributes_are_out_of_reach(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "git").mkdir()
    (tmp_path / "git/attributes").write_text("*.jinja export-ignore\n")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert tree(source.checkout(source.SOURCE_URL, source.versions(source.SOURCE_URL)[-1])) == tree(
        TEMPLATES
    )


def test_newest_version_is_the_templates_folder() -> None:
    """`make templates` was run after the last change."""
    version, _ = newest_version(TEMPLATES)
    assert source.versions(source.SOURCE_URL)[-1] == version
    assert tree(source.checkout(source.SOURCE_URL, version)) == tree(TEMPLATES)


def test_release_is_reproducible(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first, second = build_release(tmp_path / "a"), build_release(tmp_path / "b")
    assert first.read_bytes() == second.read_bytes()
    assert first.read_bytes() != BUNDLE.read_bytes()


def test_release_only_appends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {
        version: tree(source.checkout(source.SOURCE_URL, version))
        for version in source.versions(source.SOURCE_URL)
    }
    bundle = build_release(tmp_path)
    monkeypatch.setenv(source.BUNDLE_VARIABLE, str(bundle))
    assert source.versions(source.SOURCE_URL) == [*before, NEXT]
    assert {
        version: tree(source.checkout(source.SOURCE_URL, version)) for version in before
    } == before


def test_release_refuses_to_change_a_released_version(tmp_path: Path) -> None:
    bundle = build_release(tmp_path)
    before = bundle.read_bytes()
    (tmp_path / "templates/project/train.py").write_text("# changed\n")
    with pytest.raises(SystemExit, match="is released; add a heading"):
        release(tmp_path / "templates", bundle)
    assert bundle.read_bytes() == before
    release(tmp_path / "templates", bundle, amend=True)
    assert bundle.read_bytes() != before


def test_release_without_a_change_does_nothing(tmp_path: Path) -> None:
    bundle = build_release(tmp_path)
    before = bundle.read_bytes()
    assert "unchanged" in release(tmp_path / "templates", bundle)
    assert bundle.read_bytes() == before
