"""A damaged, foreign or full cache is repaired, or named in one line; nothing renders from it."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ltscaffold.errors import ScaffoldError
from ltscaffold.git import git
from ltscaffold.templating import cache, source
from tests.conftest import Run
from tests.helpers.own_templates import DOCSTRING, next_version, our_templates
from tests.helpers.projects import new_task
from tests.helpers.tree import tree

NEW_TASK = ("ltscaffold", "new-task", "mine", "--base", "language_modeling")


def empty(folder: Path, pattern: str) -> None:
    """Empty files, as a file system does that has lost their content with the power."""
    found = list(folder.rglob(pattern))
    assert found
    for path in found:
        path.write_bytes(b"")


@pytest.mark.parametrize(
    "pattern", ["model.py.jinja", "training_step.jinja", "packed-refs", "HEAD"]
)
def test_a_damaged_cache_is_made_again(
    pattern: str, project: Path, run: Run, tmp_path: Path
) -> None:
    elsewhere = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    new_task(project, "first", "language_modeling", ["training_step"])
    expected = tree(project)
    assert run("ltscaffold", "undo").returncode == 0
    first = (
        "ltscaffold",
        "new-task",
        "first",
        "--base",
        "language_modeling",
        "--hook",
        "training_step",
        "--with",
        "none",
    )
    assert run("ltscaffold", "list", "bases", **elsewhere).returncode == 0
    empty(tmp_path / "cache", pattern)
    done = run(*first, **elsewhere)
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith(f"note: {tmp_path}/cache/ltscaffold/templates-")
    assert done.stderr.endswith("was damaged; it is made again\n")
    assert tree(project) == expected
    assert run("ltscaffold", "status", **elsewhere).stderr == ""


def test_a_damaged_cache_of_ones_own_templates_is_fetched_again(
    project: Path, run: Run, tmp_path: Path
) -> None:
    elsewhere, mine = {"XDG_CACHE_HOME": str(tmp_path / "cache")}, our_templates(tmp_path)
    assert run("ltscaffold", "new-project", ".", "--template", mine, **elsewhere).returncode == 0
    empty(tmp_path / "cache", "packed-refs")
    done = run(*NEW_TASK, **elsewhere)
    assert done.returncode == 2
    assert f"{mine} are damaged on this machine; fetch them with `ltscaffold trust" in done.stderr
    assert run("ltscaffold", "trust", mine, **elsewhere).returncode == 0
    assert run(*NEW_TASK, **elsewhere).returncode == 0


def test_a_full_disk_is_one_line_with_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "cache_root", lambda: tmp_path)

    def fill(folder: Path) -> None:
        git("-c", "alias.fill=!echo No space left on device >&2; exit 1", "fill", cwd=folder)

    with pytest.raises(
        ScaffoldError, match=rf"write the templates to {tmp_path} \(No space left"
    ) as e:
        cache.cached("x", fill)
    assert "\n" not in str(e.value)
    assert not list(tmp_path.iterdir())


def test_another_failure_is_reported_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "cache_root", lambda: tmp_path)
    with pytest.raises(ScaffoldError, match="unknown option"):
        cache.cached("x", lambda folder: git("--unknown-option", cwd=folder))
    assert not list(tmp_path.iterdir())


def test_processes_that_fill_it_at_once_agree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "cache_root", lambda: tmp_path)
    exists = Path.exists
    monkeypatch.setattr(Path, "exists", lambda path: (exists(path), time.sleep(0.02))[0])
    with ThreadPoolExecutor(4) as pool:
        made = {*pool.map(lambda _: cache.renew("x", lambda folder: None), range(4))}
    assert made == {cache.intact("x")}


@pytest.mark.usefixtures("cache_of_the_test")
def test_the_cache_of_another_user_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ltscaffold").mkdir()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(ScaffoldError, match="another user owns it"):
        source.versions(source.SOURCE_URL)


def test_a_newest_commit_that_is_not_the_latest_version_is_named(
    project: Path, run: Run, tmp_path: Path
) -> None:
    mine = our_templates(tmp_path)
    done = run("ltscaffold", "new-project", ".", "--template", mine)
    assert "newest commit" not in done.stdout
    next_version(mine, "v1.1.0+acme.1", DOCSTRING, "improved")
    named = f"note: the newest commit of {mine} is v1.1.0+acme.1, so projects get v"
    assert named in run("ltscaffold", "update").stdout
    assert named in run("ltscaffold", "trust", mine).stdout
    assert named in run("ltscaffold", "new-project", "other", "--template", mine).stdout
    git("tag", "--delete", "v1.1.0+acme.1", cwd=mine)
    assert "is no version, so projects get v" in run("ltscaffold", "update").stdout
    git("clone", "--bare", mine, tmp_path / "bare")
    git("symbolic-ref", "HEAD", "refs/heads/never-pushed", cwd=tmp_path / "bare")
    assert "is no version" in run("ltscaffold", "trust", f"git+file://{tmp_path}/bare").stdout
    git("tag", "v99.0.0", cwd=mine)
    assert "newest commit" not in run("ltscaffold", "update").stdout
