"""Ctrl-C ends a proof with all processes and temporary files, and the next one continues."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from ltscaffold.templating.source import BUNDLE_VARIABLE
from tests.helpers.projects import new_task
from tests.helpers.releases import next_release
from tests.helpers.run_folders import run_folder
from tests.helpers.tree import tree

STUB = """\
import os, subprocess, sys, tempfile, time
from pathlib import Path


def pause(phase):
    started = Path(os.environ["STARTED"])
    if os.environ["PHASE"] == phase:
        child = subprocess.Popen(["sleep", "600"])
        tempfile.mkdtemp()
        (started / "pids").write_text(f"{os.getpid()} {child.pid}")
        time.sleep(600)
    with (started / "ended").open("a") as file:
        file.write(f"{phase}\\n")
"""
TRAIN = """
from lightning_transformers.base.traces.format import TRACE, Entry, Trace, TraceRequest

request = TraceRequest.read(Path(os.environ[TRACE]))
pause("before" if request.expected is None else "after")
entry = Entry(1, "train/loss", "0.5")
Trace([entry], equal=int(request.expected is not None)).write(Path(request.file))
"""
TEST = """

def test_it():
    pause("test")
"""
PHASES = ("test", "before", "after")
"""The phases of a proof in order, if the run before the change has its recorded values."""


@pytest.fixture
def paused(project: Path, tmp_path: Path) -> dict[str, str]:
    """Write a project whose training and test pause in a phase; return the environment."""
    new_task(project, "mine", "text_classification")
    (project / "train.py").write_text(STUB + TRAIN)
    (project / "tests/test_mine.py").write_text(STUB + TEST)
    model = "tasks/mine/model.py"
    folder = run_folder(
        project / "outputs/run", directory=str(project), code={model: "0"}, metrics={}
    )
    (folder / "metrics.csv").write_text("epoch,step,train/loss\n0,1,0.5\n")
    names = {"TMPDIR": "temporary", "STARTED": "started", "XDG_CACHE_HOME": "cache"}
    paths = {name: tmp_path / folder for name, folder in names.items()}
    for path in paths.values():
        path.mkdir()
    places = {name: str(path) for name, path in paths.items()}
    return {**os.environ, **places, BUNDLE_VARIABLE: str(next_release())}


def start(environment: Mapping[str, str], phase: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "ltscaffold.cli", "update", "--prove", "--dry-run"],
        env={**environment, "PHASE": phase},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heed_signals,
    )


def heed_signals() -> None:
    """Undo what a shell does to a job in the background, and nohup."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def is_running(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False


def stopped(
    environment: Mapping[str, str], phase: str, number: signal.Signals
) -> tuple[int, str, str]:
    """Stop a proof in a phase by a signal; return its status and output.

    No process and no temporary file may be left.
    """
    running = start(environment, phase)
    pids = Path(environment["STARTED"]) / "pids"
    while not (pids.is_file() and pids.read_text()):
        assert running.poll() is None, running.communicate()
        time.sleep(0.05)
    running.send_signal(number)  # it alone: a terminal would signal its process group
    output, errors = running.communicate(timeout=60)
    assert not any(map(is_running, pids.read_text().split()))
    assert [*Path(environment["TMPDIR"]).iterdir()] == []
    return running.returncode, output, errors


@pytest.mark.parametrize(
    "phase", [*(pytest.param(phase, marks=pytest.mark.slow) for phase in PHASES[:2]), PHASES[2]]
)
def test_an_interrupted_proof_leaves_nothing_and_continues(
    phase: str, paused: Mapping[str, str], project: Path
) -> None:
    former, started = tree(project), Path(paused["STARTED"])
    status, output, errors = stopped(paused, phase, signal.SIGINT)
    assert (status, output) == (130, "")
    ended = PHASES.index(phase)
    number = {0: "0 repetitions", 1: "0 repetitions", 2: "1 repetition"}[ended]
    assert errors.splitlines()[-1] == (
        f"interrupted after {number}; the same command continues with the next one"
    )
    assert tree(project) == former
    (started / "ended").write_text("")
    done = start(paused, "none")
    output, errors = done.communicate(timeout=60)
    assert done.returncode == 0, output + errors
    assert (started / "ended").read_text().split() == [*PHASES[ended:]]
    assert "1 values bit-identical over 1 steps" in output


@pytest.mark.slow
@pytest.mark.parametrize(("number", "expected"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_proof_that_is_terminated_leaves_nothing(
    number: signal.Signals, expected: int, paused: Mapping[str, str], project: Path
) -> None:
    former = tree(project)
    assert stopped(paused, "after", number)[0] == expected
    assert tree(project) == former
