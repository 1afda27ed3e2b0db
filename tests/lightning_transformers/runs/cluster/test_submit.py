"""The jobs that `cluster=slurm` submits, here to a script; `tests/clusters` runs them."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from submitit.core.utils import DelayedSubmission

from lightning_transformers.base.run_folder import JOB_LOG, read_job
from lightning_transformers.config.error_messages import refusal
from lightning_transformers.runs.cluster.command import Command
from lightning_transformers.runs.cluster.submit import copy_code
from tests.conftest import Run
from tests.helpers.projects import new_task
from tests.helpers.run_folders import run_folder

TRAIN = ("python", "train.py", "+task=nlp/mine", "experiment=smoke")


@pytest.fixture
def project(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a project, with an `sbatch` that takes every job on the PATH."""
    new_task(project, "mine", "text_classification")
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("sbatch", "srun"):
        (programs / name).write_text("#!/bin/sh\necho Submitted batch job 7\n")
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    return project


def words_of(folder: Path, job: str) -> list[str]:
    """Return the command line of a submitted job."""
    function = DelayedSubmission.load(folder / f"slurm/{job}_submitted.pkl").function
    assert isinstance(function, Command)
    return function.words


def test_a_job_has_the_resources_and_the_overrides_of_its_command(project: Path, run: Run) -> None:
    cluster = ("cluster=slurm", "cluster.nodes=2", "cluster.gpus=4", "cluster.cpus=6")
    more = ("cluster.partition=long", "cluster.account=lab", "cluster.time=90", "cluster.memory=32")
    limit = "+cluster.options.constraint=a100"
    own = ("trainer.accelerator=auto", "trainer.num_nodes=1", "hydra.run.dir=outputs/a b")
    done = run(*TRAIN, *cluster, *more, limit, *own)
    folder = project / "outputs/a b"
    assert done.stdout == "Submitted job 7: outputs/a b, log outputs/a b/slurm/7_0_log.out\n"
    script = (folder / "slurm/7_submission.sh").read_text()
    flags = {
        *("nodes=2", "gpus-per-node=4", "ntasks-per-node=4", "cpus-per-task=6", "mem=32G"),
        *("time=90", "partition=long", "account=lab", "constraint=a100", "requeue"),
        "signal=USR2@120",
    }
    assert flags <= {*re.findall(r"^#SBATCH --(\S+)$", script, re.MULTILINE)}
    program, script, *overrides = words_of(folder, "7")
    assert (program, Path(script).name) == (sys.executable, "train.py")
    assert Path(script).parent.parent == folder / "code"
    assert (Path(script).parent / "tasks/mine/model.py").is_file()
    assert {
        *("task=nlp/mine", "trainer.num_nodes=2", "trainer.devices=4", "trainer.accelerator=gpu"),
        *("resume=auto", f'hydra.run.dir="{folder}"'),
    } <= {*overrides}
    assert "trainer.num_nodes=1" not in overrides
    job = read_job(folder)
    assert (job["id"], job["cluster"]["memory"]) == ("7", 32)
    # The queue does not have this job.
    assert "\tunknown\t" in run("ltscaffold", "runs").stdout


def test_a_multirun_is_one_array_and_shares_its_code(project: Path, run: Run) -> None:
    words = ("-m", "training.seed=1,2", "cluster=slurm", "hydra.sweep.dir=outputs/sweep")
    done = run(*TRAIN, *words)
    folder = project / "outputs/sweep"
    assert [line.partition(":")[0] for line in done.stdout.splitlines()[-2:]] == [
        "Submitted job 7_0",
        "Submitted job 7_1",
    ]
    assert "#SBATCH --array=0-1%2" in (folder / "slurm/7_submission.sh").read_text()
    second = words_of(folder, "7_1")
    assert {"training.seed=2", "++training.keep_state=false"} <= {*second}
    assert f'hydra.run.dir="{folder}/1"' in second
    assert words_of(folder, "7_0")[1] == second[1]


def test_a_refused_group_leaves_the_code_of_submitted_jobs(project: Path, run: Run) -> None:
    refuse = '#!/bin/sh\n! grep -q mem=2G "$1" && echo Submitted batch job 7\n'
    Path(os.environ["PATH"].partition(os.pathsep)[0], "sbatch").write_text(refuse)
    sweep = ("training.seed=1,2", "cluster.memory=1,2", "hydra.sweep.dir=outputs/sweep")
    done = run(*TRAIN, "-m", *sweep, "cluster=slurm")
    assert (done.returncode, done.stdout.count("Submitted job 7_")) == (2, 2), done.stderr
    folder = project / "outputs/sweep"
    assert Path(words_of(folder, "7_1")[1]).is_file()
    assert {path.name for path in folder.glob("?")} == {"0", "2"}


def test_an_evaluation_is_not_repeated_at_its_time_limit(project: Path, run: Run) -> None:
    words = ("checkpoint_path=best.ckpt", "cluster=slurm", "hydra.run.dir=outputs/evaluated")
    (project / "best.ckpt").touch()
    done = run("python", "evaluate.py", *TRAIN[2:], *words)
    assert done.returncode == 0, done.stderr
    job = DelayedSubmission.load(project / "outputs/evaluated/slurm/7_submitted.pkl")
    assert job._timeout_countdown == 0


def test_a_running_job_does_not_submit_itself(project: Path, run: Run) -> None:
    done = run(*TRAIN, "cluster=slurm", "trainer.fast_dev_run=true", **{JOB_LOG: "log"})
    assert done.returncode == 0, done.stderr
    assert "Submitted" not in done.stdout


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("hydra.run.dir=outputs/old",), "add resume=auto to continue it"),
        (("hydra.run.dir=outputs/waiting",), "job 6 was submitted into "),
        (("cluster.time=2",), "cluster.time=2 minutes end before cluster.signal=120 seconds"),
        (("cluster.time=02:00:00",), "cluster.time=02:00:00 is not a"),
        (("cluster.gpus=1",), "trainer.accelerator=cpu does not use the GPUs of cluster.gpus=1"),
    ],
)
def test_what_cannot_be_submitted_is_one_line(
    project: Path, run: Run, words: tuple[str, ...], line: str
) -> None:
    run_folder(project / "outputs/old")
    (project / "outputs/waiting").mkdir()
    (project / "outputs/waiting/job.yaml").write_text("id: 6\n")
    done = run(*TRAIN, "cluster=slurm", *words)
    assert line in done.stderr
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert not (project / "outputs/old/slurm").exists()


def test_a_search_waits_for_its_trials(project: Path, run: Run) -> None:
    search = ("-m", "hydra/sweeper=optuna", "hydra.sweeper.n_trials=1", "training.seed=1,2")
    done = run(*TRAIN, *search, "cluster=slurm")
    assert done.returncode == 2
    assert "replace cluster=slurm by hydra/launcher=submitit_slurm" in done.stderr


def test_a_machine_without_slurm_is_one_line(project: Path, run: Run) -> None:
    done = run(*TRAIN, "cluster=slurm", PATH=str(project))
    assert done.stderr.startswith(
        "error: there is no SLURM here: sbatch and srun are not on the PATH"
    )
    assert done.returncode == 2
    assert not [*project.glob("outputs/nlp/mine/*")]


@pytest.mark.parametrize(
    ("output", "line"),
    [
        (
            "sbatch: error: invalid partition specified: x\nsbatch: error: Batch job submission "
            "failed: Invalid partition name specified",
            "SLURM refuses the job: invalid partition specified: x; sinfo lists the partitions",
        ),
        (
            "sbatch: error: Batch job submission failed: Requested node configuration is not "
            "available",
            "SLURM refuses the job: Requested node configuration is not available; sinfo -o",
        ),
        (
            "sbatch: error: Batch job submission failed: More processors requested than permitted",
            "SLURM refuses the job: More processors requested than permitted; sinfo -o",
        ),
        ("sbatch: fatal: nobody knows", "SLURM refuses the job: sbatch: fatal: nobody knows; see"),
    ],
)
def test_a_refusal_names_the_next_step(output: str, line: str) -> None:
    assert refusal(output).startswith(line)


def test_copies_have_code_and_no_data_or_runs(tmp_path: Path) -> None:
    project, kept = tmp_path / "project", {"train.py", "conf/config.yaml", "tasks/a/model.py"}
    left = {
        "train.csv",
        "outputs/x.py",
        "env/pyvenv.cfg",
        "env/x.py",
        ".git/x.py",
        "run/.hydra/a.yaml",
        "sweep/code/then/x.py",
    }
    for name in kept | left | {"run/x.py", "sweep/slurm/7_0_log.out"}:
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text("")
    (project / "large.json").write_bytes(b" " * 1_000_001)
    copy_code(project, project / "outputs/code/now")
    copies = (project / "outputs/code/now").rglob("*")
    assert {str(p.relative_to(project / "outputs/code/now")) for p in copies if p.is_file()} == kept


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of the logs of a job, in whose environment the test is."""
    monkeypatch.setenv("SUBMITIT_EXECUTOR", "slurm")
    monkeypatch.setenv("SUBMITIT_FOLDER", str(tmp_path))
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    return tmp_path


def test_the_command_of_a_job_saves_before_it_is_submitted_again(job: Path) -> None:
    """As submitit does: USR2 calls `checkpoint`, here of a command that SIGTERM makes save."""
    code = (
        "import os, signal, sys, time\n"
        "def save(*_): open('saved', 'w').write(os.environ['LTSCAFFOLD_JOB_LOG']); sys.exit()\n"
        "signal.signal(signal.SIGTERM, save)\n"
        "os.kill(os.getpid(), signal.SIGUSR2); open('begun', 'w').close(); time.sleep(60)\n"
    )
    command = Command([sys.executable, "-c", code], str(job))
    again = []

    def checkpoint(*_: object) -> None:
        again.append(command.checkpoint())
        raise SystemExit

    def send() -> None:
        while not (job / "begun").exists():
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGUSR1)

    former = signal.signal(signal.SIGUSR1, checkpoint)
    try:
        threading.Thread(target=send).start()
        with pytest.raises(SystemExit):
            command()
    finally:
        signal.signal(signal.SIGUSR1, former)
    assert (job / "saved").read_text() == str(job / "7_0_log.out")
    assert again[0].function.words == command.words


def test_only_rank_zero_fails_after_a_save_on_several_nodes(
    job: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = Command([sys.executable, "-c", "raise SystemExit(143)"], str(job))
    monkeypatch.setenv("SLURM_PROCID", "1")
    command()
    monkeypatch.setenv("SLURM_PROCID", "0")
    with pytest.raises(SystemExit, match="143"):
        command()


def put_scontrol(job: Path, time: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a program in place of scontrol on the path, which writes its words to `calls`."""
    scontrol = job / "scontrol"
    scontrol.write_text(f"#!/bin/sh\necho $* >> {job}/calls\necho ' PreemptTime={time}'\n")
    scontrol.chmod(0o755)
    monkeypatch.setenv("PATH", f"{job}{os.pathsep}{os.environ['PATH']}")
    return scontrol


@pytest.mark.parametrize(
    ("time", "rank", "calls"),
    [
        ("2026-12-01T17:01:46", "0", ["show job 7", "requeue 7"]),
        ("None", "0", ["show job 7"]),
        ("2026-12-01T17:01:46", "1", []),
    ],
)
def test_rank_zero_requeues_a_job_that_ends_in_the_grace_time_of_a_preemption(
    job: Path, time: str, rank: str, calls: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    put_scontrol(job, time, monkeypatch)
    monkeypatch.setenv("SLURM_PROCID", rank)
    Command([sys.executable, "-c", ""], str(job))()
    made = job / "calls"
    assert (made.read_text().splitlines() if made.exists() else []) == calls


def test_an_element_of_an_array_is_requeued_alone(
    job: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last element has the number of the array as its own."""
    scontrol = put_scontrol(job, "now", monkeypatch)
    for name, value in (("PROCID", "0"), ("ARRAY_JOB_ID", "7"), ("ARRAY_TASK_ID", "2")):
        monkeypatch.setenv(f"SLURM_{name}", value)
    with pytest.raises(SystemExit, match="2"):
        Command([sys.executable, "-c", "raise SystemExit(2)"], str(job))()
    assert not (job / "calls").exists(), "it has failed"
    Command([sys.executable, "-c", ""], str(job))()
    assert (job / "calls").read_text().splitlines() == ["show job 7_2", "requeue 7_2"]
    scontrol.unlink()
    Command([sys.executable, "-c", ""], str(job))()  # as on a node without it


def test_a_failed_command_fails_the_job(job: Path) -> None:
    with pytest.raises(SystemExit, match="2"):
        Command([sys.executable, "-c", "raise SystemExit(2)"], str(job))()


def test_login_nodes_and_jobs_import_no_torch() -> None:
    code = (
        "import sys, lightning_transformers.config.app\n"
        "import lightning_transformers.runs.cluster.submit\n"
        "assert 'submitit' not in sys.modules, 'of every command'\n"
        "import lightning_transformers.runs.cluster.command\n"
        "assert not {'torch', 'datasets', 'transformers'} & {*sys.modules}\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
