"""Commands on two ranks: one run folder, one log; multiruns, torchrun, SIGTERM, errors.

Comparisons show the behavior of Lightning and Hydra alone.
"""

import csv
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.conftest import Run
from tests.helpers.corpus import write_csv
from tests.helpers.projects import new_task
from tests.helpers.python_path import PATHS
from tests.helpers.tree import RUN_FILES

LIMIT = ("timeout", "-k", "40", "150")
"""A run that hangs is ended, with all of its processes."""
TWO = (
    "experiment=smoke",
    "trainer=ddp",
    "trainer.accelerator=cpu",
    "trainer.devices=2",
    "trainer.max_epochs=1",
    "trainer.limit_train_batches=4",
    "trainer.limit_val_batches=2",
    "training.batch_size=4",
)
PLAIN = """
import hydra
from pytorch_lightning import Trainer
from pytorch_lightning.demos.boring_classes import BoringModel

@hydra.main(version_base="1.3", config_path=None)
def main(config):
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    Trainer(accelerator="cpu", devices=2, strategy="ddp", max_steps=2, **quiet).fit(BoringModel())

main()
"""


def logs(folder: Path) -> Iterator[Path]:
    return folder.rglob("*.log")


@pytest.mark.slow
def test_generated_task_has_one_run_folder_and_one_log(project: Path, run: Run) -> None:
    new_task(project, "mine", "language_modeling", recipes=["freeze_backbone", "weight_noise"])
    done = run("python", "train.py", "+task=nlp/mine", *TWO)
    assert done.returncode == 0, done.stderr
    (folder,) = (project / "outputs/nlp/mine").iterdir()
    assert {path.name for path in folder.iterdir()} == RUN_FILES
    assert [path.name for path in logs(project)] == ["train.log"]
    assert "GLOBAL_RANK: 0" in (folder / "train.log").read_text()
    assert "GLOBAL_RANK: 1" not in (folder / "train.log").read_text() + done.stdout
    assert {path.name for path in (folder / "checkpoints").iterdir()} == {"best.ckpt", "last.ckpt"}
    rows = list(csv.DictReader((folder / "metrics.csv").open()))
    assert [row["step"] for row in rows if row["val/loss"]] == ["0", "3"]
    assert done.stdout.count("Run folder:") == done.stdout.count("Last validation:") == 1


@pytest.mark.slow
def test_multirun_reaches_its_tests_and_ends(project: Path, run: Run) -> None:
    sweep = ("optimizer.lr=1e-3,3e-3", "hydra.sweep.dir=sweep", "training.run_test_after_fit=true")
    command = ("pl-transformers-train", "-m", "+task=nlp/language_modeling", *TWO, *sweep)
    done = run(*command)
    assert done.returncode == 0, done.stderr
    assert {path.name for path in (project / "sweep").iterdir()} == {"0", "1", "multirun.yaml"}
    assert len(list(logs(project))) == 2
    for job in ("0", "1"):
        names = {path.name for path in (project / "sweep" / job).iterdir()}
        assert names == RUN_FILES - {"train.log"} | {"pl-transformers-train.log"}
    tests = [line for line in done.stdout.splitlines() if line.startswith("Test of the best: ")]
    assert len(tests) == len(set(tests)) == 2
    assert not (project / "outputs").exists()


@pytest.mark.slow
def test_multirun_of_torchrun_has_one_run_folder_and_one_log_a_job(project: Path, run: Run) -> None:
    """It ends with the first job that fails, here of a mistake that both processes find."""
    new_task(project, "mine", "language_modeling", recipes=["freeze_backbone"])
    sweep = ("dataset.block_size=8,1,16", "hydra.sweep.dir=sweep")
    torchrun = ("torchrun", "--nproc-per-node", "2", "train.py", "-m", "+task=nlp/mine")
    done = run(*LIMIT, *torchrun, *TWO, *sweep)
    assert done.returncode == 1, done.stderr
    assert {path.name for path in (project / "sweep").iterdir()} == {"0", "multirun.yaml"}
    assert {path.name for path in (project / "sweep/0").iterdir()} == RUN_FILES
    assert len(list(logs(project))) == 1
    assert done.stdout.count("Run folder:") == 1
    assert done.stderr.count("error: dataset.block_size=1 leaves no token") == 1


@pytest.mark.slow
def test_mistake_on_both_processes_is_said_once_and_leaves_nothing(project: Path, run: Run) -> None:
    write_csv(project / "train.csv")
    done = run(
        *("pl-transformers-train", "task=nlp/language_modeling", *TWO),
        *("dataset.train_file=train.csv", "dataset.text_column=body"),
    )
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("error: ") == done.stderr.count("no column 'body'") == 1
    assert [path.name for path in project.iterdir()] == ["train.csv"]


@pytest.mark.slow  # it runs nothing of this project
def test_plain_hydra_and_lightning_sweep_twice(project: Path, run: Run) -> None:
    (project / "plain.py").write_text(PLAIN)
    run("timeout", "-s", "KILL", "40", "python", "plain.py", "-m", "+x=1,2")
    assert len(list(project.glob("multirun/*/*"))) == 2
    assert {path.name for path in logs(project)} == {"plain.log", "train_ddp_process_1.log"}


def test_sigterm_to_any_of_two_processes_saves_and_they_go_on(run: Run) -> None:
    who = ("0", "1", "01")
    done = run("python", "-m", "tests.helpers.ddp_sigterm", *who, PYTHONPATH=PATHS)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [lines.count(f"{ranks} equal") for ranks in who] == [2, 2, 2], done.stdout
    assert sum(line.startswith("ended by SIGTERM") for line in lines) == 3


@pytest.mark.slow  # it runs nothing of this project
def test_plain_lightning_hangs_when_one_process_gets_sigterm(run: Run) -> None:
    script = ("python", "-m", "tests.helpers.ddp_sigterm", "plain", "0")
    done = run(*script, PYTHONPATH=PATHS)
    assert done.returncode != 0
    assert "[rank: 0] Received SIGTERM" in done.stderr
    assert "hangs" in done.stdout


@pytest.mark.slow  # four runs that start all processes; test_lost_ranks.py has the rules
@pytest.mark.parametrize("dead", [0, 1])
@pytest.mark.parametrize("launcher", ["lightning", "torchrun"])
def test_the_rank_that_lives_reports_the_one_that_was_killed(
    launcher: str, dead: int, project: Path, run: Run
) -> None:
    start = [sys.executable] if launcher == "lightning" else ["torchrun", "--nproc-per-node", "2"]
    script = f"{Path(sys.executable).parent}/pl-transformers-train"
    kills = "+callbacks.kills._target_=tests.helpers.lost_rank.Kills"
    done = run(
        *(*LIMIT, *start, script, "task=nlp/language_modeling", *TWO, "hydra.run.dir=run"),
        *(kills, f"+callbacks.kills.rank={dead}", "callbacks.autosave.minutes=1e-9"),
        PYTHONPATH=PATHS,
    )
    assert done.returncode not in (0, 124)
    assert done.stderr.count(f"error: rank {dead} (process ") == 1
    assert done.stderr.count("error: ") == 1
    manifest = yaml.safe_load((project / "run/manifest.yaml").read_text())
    if dead:
        assert manifest["status"] == "failed"
        assert manifest["reason"].startswith("rank 1 (process ")
        assert "Traceback" not in done.stderr.partition("torch/distributed")[0]
