"""Plain `copier update`, which works on a clean git tree."""

from pathlib import Path

from tests.conftest import Run
from tests.helpers.tree import tree


def commit_all(run: Run) -> None:
    """Commit the project, as `copier update` requires; a new repository if it has none."""
    run("git", "init", "--quiet")
    run("git", "add", "--all")
    done = run("git", "commit", "--quiet", "--allow-empty", "--message", "work")
    assert done.returncode == 0, done.stderr


def assert_copier_stops(project: Path, run: Run, reason: str) -> None:
    """Assert that `copier update` ends with a reason and changes nothing."""
    commit_all(run)
    before = tree(project)
    done = run("copier", "update")
    assert done.returncode != 0
    assert reason in done.stderr
    assert tree(project) == before
