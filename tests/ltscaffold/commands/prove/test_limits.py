"""A proof reports each of its limits in a line, and never counts one as identical."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lightning_transformers.base.run_folder import CONFIG, MANIFEST, METRICS
from lightning_transformers.base.traces.format import Entry, Trace
from ltscaffold.cli.prove import summary
from ltscaffold.commands.prove.prove import ComponentProof, Prover
from ltscaffold.commands.prove.repeat import Repeater, Repetition
from ltscaffold.commands.prove.runs import OVERRIDES, Run
from ltscaffold.record.answers import read_project
from ltscaffold.writing.plan import Change, Plan
from tests.helpers.projects import new_task
from tests.helpers.run_folders import run_folder

MODEL = "tasks/mine/model.py"
Prove = Callable[..., ComponentProof]


def repetition(*losses: float, error: str = "", **manifest: Any) -> Repetition:
    """Return a repetition with a loss for each step."""
    entries = [Entry(step, "train/loss", str(loss)) for step, loss in enumerate(losses, 1)]
    return Repetition(Trace(entries), error, manifest)


@pytest.fixture
def prove(project: Path, monkeypatch: pytest.MonkeyPatch) -> Prove:
    """Return a function that proves a change of a task by prepared repetitions, in their order."""
    new_task(project, "mine", "text_classification")
    (project / "tests/test_mine.py").unlink()
    text = (project / MODEL).read_bytes()
    plan = Plan("update", [Change(MODEL, text, text.replace(b"pass", b"x = 1") + b"y = 1\n")])

    def prove(*repetitions: Repetition, steps: int | None = None) -> ComponentProof:
        left = [*repetitions]
        monkeypatch.setattr(Repeater, "repeat", lambda *_, **__: left.pop(0))
        prover = Prover(project, lambda line: None, steps)
        (found,) = prover.prove_plan(plan, read_project(project)).components
        assert not left, "fewer repetitions than expected"
        return found

    return prove


def record(project: Path, *overrides: str, losses: str = "0.5 0.25", **manifest: Any) -> Path:
    """Write the folder of a run of the task; return it."""
    content = {"directory": str(project), "code": {MODEL: "0"}, "metrics": {}} | manifest
    folder = run_folder(project / "outputs/run", *overrides, **content)
    rows = [f"0,{step},{loss}" for step, loss in enumerate(losses.split(), 1)]
    (folder / METRICS).write_text("\n".join(["epoch,step,train/loss", *rows, ""]))
    return folder


def test_a_run_whose_values_are_equal_is_identical(prove: Prove, project: Path) -> None:
    record(project)
    found = prove(repetition(0.5, 0.25), repetition(0.5, 0.25))
    assert (found.verdict, found.limits, found.steps) == ("identical", [], 2)


def test_data_that_are_gone_leave_a_run_unproven(prove: Prove, project: Path) -> None:
    record(project, "dataset.train_file=rows.csv")
    found = prove(repetition(error="dataset.train_file: rows.csv does not exist"))
    assert found.verdict == "unproven"
    (limit,) = found.limits
    assert limit.startswith(
        "the run cannot be repeated before the change: dataset.train_file: rows"
    )
    assert summary(found).endswith("; not proven")


def test_data_with_another_digest_are_named(prove: Prove, project: Path) -> None:
    then = {"train": {"source": "rows.csv", "digest": "a"}, "test": {"source": "t", "digest": "c"}}
    now = {"train": {"source": "/rows.csv", "digest": "b"}, "test": {"source": "/t", "digest": "c"}}
    record(project, data=then, inputs={"backbone": "1", "bert": "3"})
    inputs = {"backbone": "2", "bert": "3"}
    found = prove(repetition(0.5, 0.25, data=now, inputs=inputs), repetition(0.5, 0.25))
    assert found.verdict == "identical"
    assert found.limits == [
        "the train set (rows.csv) has changed since the run",
        "backbone has changed since the run",
    ]


def test_metrics_that_differ_before_the_change_are_named(prove: Prove, project: Path) -> None:
    versions = {"torch": "2.12.0", "peft": "0.20.0"}
    record(project, losses="0.5 0.75", versions=versions)
    now = {"torch": "2.13.0", "peft": "0.20.0"}
    found = prove(repetition(0.5, 0.25, versions=now), repetition(0.5, 0.25))
    assert found.verdict == "identical"
    assert found.limits == [
        "the recorded metrics differ already before the change: train/loss at step 2: 0.75 then, "
        "0.25 now (torch 2.12.0 then, 2.13.0 now)"
    ]


def test_a_run_that_differs_from_itself_is_not_proven(prove: Prove, project: Path) -> None:
    found = prove(repetition(0.5, 0.25), repetition(0.5, 0.125), repetition(0.5, 0.375))
    assert (found.verdict, found.difference, found.causes) == ("unproven", None, [])
    (limit,) = found.limits
    assert limit.startswith("the run is not deterministic on this device: it differs from itself")


def test_recorded_metrics_are_the_first_of_two_runs(prove: Prove, project: Path) -> None:
    """Without them, a difference asks for a second run of the former state."""
    after = repetition(0.5, 0.125)
    found = prove(repetition(0.5, 0.25), after, repetition(0.5, 0.25))
    assert found.verdict == "different"
    record(project)
    found = prove(repetition(0.5, 0.25), after)
    assert (found.verdict, found.limits) == ("different", [])
    assert found.difference is not None
    assert (found.difference.step, found.difference.found) == (2, "0.125")


def test_a_long_run_is_estimated_and_needs_steps(prove: Prove, project: Path) -> None:
    folder = record(project, losses="0.5 " * 99 + "0.25")
    os.utime(folder / CONFIG, (1e9, 1e9))
    os.utime(folder / METRICS, (1e9 + 10_000, 1e9 + 10_000))
    found = prove()
    assert found.verdict == "unproven"
    (limit,) = found.limits
    assert limit == (
        "repeating its 101 steps before and after takes about 5.6 hours; add --steps N for the "
        "first N, or --steps 101 for all"
    )
    assert prove(repetition(0.5), repetition(0.5), steps=1).verdict == "identical"


def test_a_resumed_run_is_repeated_in_one_go(prove: Prove, project: Path) -> None:
    folder = record(project)
    (folder / "manifest-1.yaml").write_text((folder / MANIFEST).read_text())
    found = prove(repetition(0.5, 0.25), repetition(0.5, 0.25))
    assert found.verdict == "identical"
    assert found.limits == ["the run was resumed; it is repeated in one go from its first step"]


@pytest.mark.parametrize(
    ("overrides", "manifest", "expected"),
    [
        ([], {"training": {"processes": 2}}, "it used 2 processes; choose a run of one"),
        ([], {"training": {"processes": 2, "nodes": 2}}, "it used 4 processes; choose a run of"),
        (["repeat.seeds=3"], {}, "it is part of a repeat over seeds or folds; choose a single"),
    ],
)
def test_runs_of_several_processes_or_seeds_are_not_repeated(
    overrides: list[str], manifest: dict[str, Any], expected: str, prove: Prove, project: Path
) -> None:
    record(project, *overrides, **manifest)
    found = prove()
    assert found.verdict == "unproven"
    (limit,) = found.limits
    assert limit.startswith(expected)
    assert "--run" in limit


def test_the_expected_time_follows_the_steps_after_the_start(project: Path) -> None:
    folder = record(project, losses="0.5 0.25 0.125")
    os.utime(folder / CONFIG, (1e9, 1e9))
    os.utime(folder / METRICS, (1e9 + 40, 1e9 + 40))
    assert Run([], folder).seconds == 40
    assert Run([], folder, steps=1).seconds == 10
    overrides = folder / OVERRIDES
    overrides.parent.mkdir()
    overrides.write_text("[]")
    os.utime(overrides, (1e9 - 5, 1e9 - 5))
    assert Run([], folder, steps=1).seconds == 15
