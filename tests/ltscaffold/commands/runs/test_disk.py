"""`ltscaffold runs --delete` and `--prune` delete what they say, and nothing of a running run."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lightning_transformers.base.run_lock import LOCK
from ltscaffold.commands.runs.disk import prunable
from ltscaffold.commands.runs.table import find_runs, size_of
from tests.conftest import Run
from tests.helpers.run_folders import best, run_folder


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ({"best": best(1)}, ["last.ckpt"]),
        ({}, ["best.ckpt"]),
        ({"status": "interrupted", "best": best(1)}, []),
        ({"status": "failed"}, ["best.ckpt"]),
    ],
)
def test_a_run_keeps_its_best_and_what_it_resumes_from(
    project: Path, state: dict[str, object], expected: list[str]
) -> None:
    run_folder(project / "a", **state)
    assert [path.name for path in prunable(find_runs(project)[0])] == expected


def test_pruning_and_deleting_need_a_confirmation(project: Path, run: Run) -> None:
    for name in "ab":
        run_folder(project / "outputs" / name, best=best(1))
    for option in ("--prune", "--delete"):
        done = run("ltscaffold", "runs", option)
        assert (done.returncode, done.stderr) == (
            2,
            "error: nobody can confirm here; add --yes to delete without asking\n",
        )
    assert len(find_runs(project)[0]) == 2
    done = run("ltscaffold", "runs", "--prune", "--yes")
    assert done.stdout.splitlines()[-1] == "deleted 2 checkpoints, 2 kB"
    assert run("ltscaffold", "runs", "--prune", "--yes").stdout.endswith("nothing to delete\n")
    run("ltscaffold", "runs", "--delete", "--yes", "--where", "score=1", "outputs/a")
    assert [each.folder.name for each in find_runs(project)[0]] == ["b"]


@pytest.fixture
def running(project: Path) -> Iterator[Path]:
    """A run folder whose lock another process holds."""
    folder = run_folder(project / "outputs/busy", status="running")
    code = (
        "import sys, pathlib; from lightning_transformers.base.run_lock import run_lock\n"
        "with run_lock(pathlib.Path(sys.argv[1])):\n    print(flush=True); input()"
    )
    command = [sys.executable, "-c", code, str(folder)]
    with subprocess.Popen(command, stdin=-1, stdout=-1, text=True) as owner:
        assert owner.stdout is not None
        owner.stdout.readline()
        yield folder
        owner.communicate("\n")


def test_a_run_that_is_running_stops_the_command(project: Path, running: Path, run: Run) -> None:
    run_folder(project / "outputs/done", best=best(1))
    done = run("ltscaffold", "runs", "--delete", "--yes")
    assert done.returncode == 2
    assert done.stderr.startswith("error: outputs/busy is running; stop it first")
    assert {path.name for path in (project / "outputs").iterdir()} == {"busy", "done"}
    assert (running / LOCK).exists()


def test_a_file_with_two_names_counts_once(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"0" * 10)
    os.link(tmp_path / "a", tmp_path / "b")
    (tmp_path / "c").symlink_to("a")
    assert size_of(tmp_path) == 10
