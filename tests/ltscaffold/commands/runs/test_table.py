"""`ltscaffold runs` finds, filters and sorts run folders."""

import json
import os
import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from lightning_transformers.base.run_folder import CONFIG, JOB, MANIFEST
from ltscaffold.commands.runs.disk import check_ended
from ltscaffold.commands.runs.table import differing, find_runs, select
from ltscaffold.errors import ScaffoldError
from tests.conftest import Run
from tests.helpers.run_folders import best, run_folder


@pytest.fixture
def outputs(project: Path) -> Path:
    """Three runs of a sweep and one elsewhere, in this order of time."""
    folder, task = project / "outputs", "+task=nlp/mine"
    for number, (lr, score) in enumerate([("1e-3", 0.8), ("1e-4", 0.5), ("1e-5", 0.9)]):
        run = folder / f"multirun/{number}"
        settings = {"optimizer": {"lr": float(lr)}, "training": {"seed": number}}
        run_folder(
            run, task, f"optimizer.lr={lr}", "resume=auto", settings=settings, best=best(score)
        )
        os.utime(run / MANIFEST, (1e9 + number, 1e9 + number))
    run_folder(folder / "failed", task, status="failed", reason="ValueError: no")
    os.utime(folder / "failed" / MANIFEST, (2e9, 2e9))
    return folder


def names(
    folder: Path,
    statuses: Sequence[str] = (),
    conditions: Sequence[str] = (),
    sort: str = "date",
    best: bool = False,
) -> list[str]:
    """Return the names of the folders of the runs that are selected."""
    runs, _ = find_runs(folder)
    return [run.folder.name for run in select(runs, statuses, conditions, sort, best)]


def test_runs_are_found_by_time_and_parts_of_a_run_are_not(outputs: Path) -> None:
    run_folder(outputs / "multirun/0/former")
    run_folder(outputs / ".hidden/0")
    assert names(outputs) == ["0", "1", "2", "failed"]
    assert names(outputs / "multirun/1") == ["1"]


def test_status_of_a_run_without_a_process_is_killed(outputs: Path) -> None:
    run_folder(outputs / "gone", status="running")
    assert names(outputs, ["killed"], ()) == ["gone"]


@pytest.mark.parametrize(
    ("statuses", "conditions", "expected"),
    [
        (["finished"], ["optimizer.lr=0.001"], ["0"]),
        ([], ["status=failed"], ["failed"]),
        ([], ["training.seed=1"], ["1"]),
        ([], ["optimizer.lr=1e-4"], ["1"]),
        (["finished"], ["val/loss=0.?"], ["0", "1", "2"]),
        (["killed"], [], []),
    ],
)
def test_filters(
    outputs: Path, statuses: list[str], conditions: list[str], expected: list[str]
) -> None:
    assert names(outputs, statuses, conditions) == expected


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("score", ["1", "0", "2", "failed"]),
        ("-val/loss", ["2", "0", "1", "failed"]),
        ("optimizer.lr", ["2", "1", "0", "failed"]),
        ("-date", ["failed", "2", "1", "0"]),
        ("status", ["failed", "0", "1", "2"]),
    ],
)
def test_sorting_puts_runs_without_the_value_last(
    outputs: Path, sort: str, expected: list[str]
) -> None:
    assert names(outputs, sort=sort) == expected


def test_best_follows_the_mode_of_the_metric(outputs: Path) -> None:
    assert names(outputs, best=True) == ["1"]
    accuracy = [
        run_folder(outputs / name, best=best(score, "val/accuracy", mode="max"))
        for name, score in {"low": 0.2, "high": 0.7}.items()
    ]
    with pytest.raises(ScaffoldError, match=r"select by val/accuracy and val/loss; filter"):
        names(outputs, best=True)
    assert names(accuracy[0].parent, (), ["val/accuracy=*.*"], best=True) == ["high"]


def test_best_of_an_earlier_version_reads_the_mode_from_the_config(project: Path) -> None:
    settings = {"callbacks": {"checkpoint": {"monitor": "val/accuracy", "mode": "max"}, "bar": {}}}
    for name, score in {"low": 0.2, "high": 0.7}.items():
        run_folder(project / name, settings=settings, best=best(score, "val/accuracy"))
    assert names(project, best=True) == ["high"]


def test_only_overrides_that_differ_are_shown(outputs: Path) -> None:
    runs, _ = find_runs(outputs / "multirun")
    assert differing(runs) == {"optimizer.lr"}
    assert differing(runs[:1]) == {"task", "optimizer.lr"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--status", "done"], r"'done' is not a known status; choose running, finished"),
        (["--status", "finishd"], r"did you mean 'finished'\?"),
        (["--where", "lr"], "'lr' has no '='; write --where key=value"),
        (["--sort", "lr"], "no run has 'lr'; sort by date"),
        (["nowhere"], "'nowhere' is not a folder; give the one that contains your runs"),
        (["--status", "failed", "--best"], "these 1 runs have no best checkpoint"),
    ],
)
def test_mistakes_are_one_line(outputs: Path, run: Run, arguments: list[str], message: str) -> None:
    done = run("ltscaffold", "runs", *arguments)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert re.search(message, done.stderr)


def test_a_number_that_json_lacks_is_null(project: Path, run: Run) -> None:
    metrics = {"val/loss": float("nan"), "val/accuracy": 0.5}
    run_folder(project / "outputs/0", metrics=metrics, best=best(float("inf")))
    (listed,) = json.loads(run("ltscaffold", "runs", "--json").stdout)["runs"]
    assert listed["metrics"] == {"val/loss": None, "val/accuracy": 0.5}
    assert listed["best"]["score"] is None


def test_a_pipe_has_a_line_per_run_and_json_the_details(outputs: Path, run: Run) -> None:
    (outputs / "multirun/2" / MANIFEST).write_text("status: finished")
    done = run("ltscaffold", "runs", "--status", "finished")
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    assert [(line[0], line[1], line[2], line[-1]) for line in lines] == [
        ("outputs/multirun/0", "finished", "val/loss 0.8", "optimizer.lr=1e-3"),
        ("outputs/multirun/1", "finished", "val/loss 0.5", "optimizer.lr=1e-4"),
    ]
    assert done.stderr.startswith("warning: 'outputs/multirun/2/manifest.yaml' has no 'command'")
    listed = json.loads(run("ltscaffold", "runs", "--json", "--best").stdout)["runs"]
    config = (outputs / "multirun/1" / CONFIG).stat().st_size
    manifest = (outputs / "multirun/1" / MANIFEST).stat().st_size
    assert [(each["run"], each["bytes"], each["best"]["score"]) for each in listed] == [
        ("outputs/multirun/1", 1300 + config + manifest, 0.5)
    ]


def test_a_job_has_the_status_of_the_queue(outputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of jobs 1 and 2 the first has started, 3 has left the queue, and the run of 5 has ended."""
    jobs = {"starts": "1", "waits": "2_1", "gone": "3", "killed": "4", "ended": "5"}
    run_folder(outputs / "starts", status="running")
    run_folder(outputs / "killed", status="running")
    run_folder(outputs / "ended")
    for name, job in jobs.items():
        (outputs / name).mkdir(exist_ok=True)
        (outputs / name / JOB).write_text(f"id: '{job}'\n")
    queue = outputs.parent / "squeue"
    queue.write_text("#!/bin/sh\necho '1 RUNNING\n2_1 PENDING\n5 COMPLETING\n9 PENDING'\n")
    queue.chmod(0o755)
    former = {run.folder.name: run.status for run in find_runs(outputs)[0]}
    assert (former["starts"], former["waits"]) == ("killed", "unknown")
    monkeypatch.setenv("PATH", f"{queue.parent}{os.pathsep}{os.environ['PATH']}")
    runs, _ = find_runs(outputs)
    expected = dict(starts="running", waits="pending", gone="unknown", killed="killed")
    assert {run.folder.name: run.status for run in runs if run.folder.name in jobs} == {
        **expected,
        "ended": "finished",
    }
    waiting = select(runs, ["pending"], (), "date", False)
    with pytest.raises(ScaffoldError, match="waits is pending; scancel 2_1 first"):
        check_ended(waiting)


def test_the_job_of_a_repeat_is_not_a_run(outputs: Path) -> None:
    (outputs / "repeat").mkdir()
    (outputs / "repeat" / JOB).write_text("id: '1'\n")
    assert "repeat" in names(outputs)
    run_folder(outputs / "repeat/seed-0")
    assert "repeat" not in names(outputs)
    assert "seed-0" in names(outputs)
