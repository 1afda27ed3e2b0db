"""`-m hydra/sweeper=optuna`: the command runs trials, names the best, and continues."""

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser

from lightning_transformers.config.compose import quoted
from tests.conftest import Run
from tests.helpers.projects import new_task
from tests.helpers.studies import facts

SWEEP = ["python", "train.py", "-m", "hydra/sweeper=optuna"]
SHORT = [
    "+task=nlp/mine",
    "experiment=smoke",
    "trainer.max_epochs=1",
    "trainer.limit_val_batches=1",
]


@pytest.fixture
def folder(project: Path) -> Path:
    """A project with a text classifier."""
    new_task(project, "mine", "text_classification")
    return project


def test_a_sweep_names_the_best_values_as_yaml_and_as_a_command(folder: Path, run: Run) -> None:
    words = [*SHORT, "trainer.limit_train_batches=1", "optimizer=adamw,sgd"]
    words += [
        "hydra.sweeper.sampler=grid",
        "hydra.sweeper.study=mine",
        "hydra.sweeper.pruner=median",
    ]
    done = run(*SWEEP, *words, "optimizer.lr=0.01")
    sweep = folder / "outputs/sweeps/mine"
    trials = facts(sweep)
    assert [trial[2] for trial in trials] == [{"optimizer": "adamw"}, {"optimizer": "sgd"}]
    for number, _, _, score in trials:
        recorded = yaml.safe_load((sweep / f"{number}/manifest.yaml").read_text())
        assert recorded["best"]["score"] == score
    best = min(trials, key=lambda trial: float(str(trial[3])))
    name = dict(best[2])["optimizer"]  # type: ignore[call-overload]
    *_, counted, first, second, following = done.stdout.splitlines()
    assert counted == "Trials: 2 complete"
    assert re.match(rf"Best: val/loss [\d.]+ in trial {best[0]}, outputs/sweeps/mine/", first)
    assert second == "Best values: outputs/sweeps/mine/best.yaml"
    assert following.endswith(f"trainer.limit_train_batches=1 optimizer.lr=0.01 optimizer={name}")
    found = yaml.safe_load((sweep / "best.yaml").read_text())
    assert found == {"defaults": [{"override /optimizer": name}]}
    # The file is an experiment, and the same command has nothing left to do.
    experiments = folder / "conf/experiment"
    experiments.mkdir(exist_ok=True)
    (sweep / "best.yaml").rename(experiments / "best.yaml")
    composed = run("python", "train.py", "+task=nlp/mine", "experiment=best", "--cfg", "job")
    assert yaml.safe_load(composed.stdout)["optimizer"]["_target_"].lower().endswith(name)
    again = run(*SWEEP, *words, "optimizer.lr=0.01")
    assert "Launching" not in again.stdout
    assert again.stdout.splitlines()[-4:-2] == [counted, first]


@pytest.mark.parametrize("folder_name", ["plain", "Grüße", "it's", 'a "b" \\ c', "${home}"])
def test_any_folder_reaches_the_trial(folder_name: str) -> None:
    text = json.dumps({"folder": folder_name})
    parsed = OverridesParser.create().parse_override(f"+hydra.job.env_set.TRIAL={quoted(text)}")
    value = str(parsed.value()).replace("\\${", "${")  # escaped until OmegaConf resolves it
    assert json.loads(value) == {"folder": folder_name}


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["optimizer.lr=0.1,0.2"], "hydra.sweeper.n_trials is not set: give the number of trials"),
        (
            ["optimizer.lr=0.1,0.2", "hydra.sweeper.sampler=gridd"],
            "hydra.sweeper.sampler=gridd is not one of tpe, random, grid (did you mean 'grid'?)",
        ),
        (["hydra.sweeper.n_trials=2"], "nothing to sweep over: give values to a key, such as"),
        (
            ["optimizer.lr=interval(2,1)", "hydra.sweeper.n_trials=2"],
            "optimizer.lr=interval(2,1): the interval from 2.0 to 1.0 is empty",
        ),
        (["optimizer.lr=0.1,-2", "hydra.sweeper.sampler=grid", "data=3"], "'data'"),
    ],
)
def test_mistakes_are_one_line(folder: Path, run: Run, words: list[str], line: str) -> None:
    done = run(*SWEEP, *SHORT, *words)
    assert done.returncode == 2
    assert line in done.stderr.splitlines()[-1]
    assert not list(folder.glob("outputs/**/manifest.yaml"))


@pytest.mark.slow
def test_a_killed_sweep_continues_the_trial_that_was_running(folder: Path, run: Run) -> None:
    words = [*SHORT, "trainer.limit_train_batches=20", "trainer.max_epochs=2"]
    words += ["optimizer.lr=tag(log,interval(1e-5,1e-1))", "hydra.sweeper.n_trials=2"]
    run(*SWEEP, *words, "hydra.sweeper.study=whole")
    command = [sys.executable, *SWEEP[1:], *words, "hydra.sweeper.study=killed"]
    killed = folder / "outputs/sweeps/killed"
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while not list(killed.glob("1/checkpoints/last.ckpt")):
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
    again = run(*command)
    assert "resume=auto: resuming from" in again.stdout
    assert facts(killed) == facts(folder / "outputs/sweeps/whole")
