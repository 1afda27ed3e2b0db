"""Jobs on a real SLURM of three virtual nodes: submitted, interrupted in each way, requeued."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from lightning_transformers.base.run_folder import MANIFEST, Manifest, read_job, read_manifest
from lightning_transformers.runs.logged_metrics import compare, logged
from tests.helpers.doc_pages import DOCS, Reader, blocks

pytestmark = pytest.mark.clusters

HERE = Path(__file__).parent
TASK = ("+task=nlp/my_task", "experiment=smoke", "trainer=cpu")
TRAIN = (
    *TASK,
    "trainer.max_epochs=2",
    "trainer.limit_train_batches=8",
    "trainer.log_every_n_steps=1",
)
SLOW = '''
    def on_train_batch_start(self, batch: object, batch_idx: int) -> None:
        """Give a test the time to interrupt the run."""
        import os
        import time

        print(f"before step {self.global_step}", flush=True)
        time.sleep(float(os.environ.get("STEP_S", "0")))
'''
TIMEOUT_S = 900.0


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Start a cluster of three nodes, and return the environment of its users."""
    if shutil.which("slurmctld") is None:
        pytest.skip("no SLURM: apt-get install slurmctld slurmd munge slurm-client")
    state = tmp_path_factory.mktemp("cluster")
    subprocess.run([HERE / "start.sh", state, "3", "17100"], check=True)
    yield {"SLURM_CONF": str(state / "slurm.conf"), "MASTER_ADDR": "127.0.0.1", "STATE": str(state)}
    subprocess.run([HERE / "stop.sh", state], check=True)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project with a task that prints each step, and waits for STEP_S before it."""
    project = tmp_path_factory.mktemp("project")
    subprocess.run(
        ["ltscaffold", "new-task", "my_task", "--base", "text_classification"],
        cwd=project,
        check=True,
    )
    with (project / "tasks/my_task/model.py").open("a") as model:
        model.write(SLOW)
    return project


class Login:
    """A user on the login node, in a project.

    Args:
        project: the project.
        environment: that of the cluster.
    """

    def __init__(self, project: Path, environment: dict[str, str]) -> None:
        self.project, self.environment = project, os.environ | environment

    def run(self, *words: str | Path, step_s: float = 0.0) -> subprocess.CompletedProcess[str]:
        """Run a command, with the time that each step of its run takes."""
        return subprocess.run(
            [*map(str, words)],
            cwd=self.project,
            env=self.environment | {"STEP_S": str(step_s)},
            capture_output=True,
            text=True,
        )

    def submit(self, *words: str, step_s: float = 0.0) -> str:
        """Submit a command of the project, and return its output."""
        done = self.run(sys.executable, *words, "cluster=slurm", step_s=step_s)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def until(self, condition: Callable[[], object], log: Path | None = None) -> None:
        """Wait for a condition, and start requeued jobs without the delay of SLURM."""
        deadline = time.monotonic() + TIMEOUT_S
        while not condition():
            if time.monotonic() > deadline:
                text = log.read_text() if log and log.is_file() else ""
                raise TimeoutError(self.run("squeue").stdout + text)
            for job in self.run("squeue", "-h", "-t", "PD", "-o", "%A %r").stdout.splitlines():
                number, reason = job.split(maxsplit=1)
                if reason == "BeginTime":
                    self.run("scontrol", "update", f"JobId={number}", "StartTime=now")
            time.sleep(1)

    def until_step(self, folder: Path, step: int) -> str:
        """Wait until a run is before a step, and return the id of its job."""
        job = read_job(folder)
        log = Path(job["log"])
        self.until(lambda: log.is_file() and f"before step {step}\n" in log.read_text(), log)
        return str(job["id"])

    def finished(self, folder: Path) -> Manifest:
        """Wait until a run has ended and its job has left the queue; return the manifest."""
        job = read_job(folder)
        self.until(
            lambda: job["id"] not in self.run("squeue", "-h", "-r", "-o", "%i").stdout.split()
        )
        log = Path(job["log"]).read_text()
        assert (folder / MANIFEST).is_file(), log
        manifest = read_manifest(folder / MANIFEST)
        assert manifest["status"] == "finished", log
        return manifest


@pytest.fixture
def login(home: Path, cluster: dict[str, str]) -> Login:
    return Login(home, cluster)


@pytest.fixture(scope="module")
def undisturbed(home: Path) -> Path:
    """Return the folder of a run of the same config without a cluster."""
    folder = home / "outputs/undisturbed"
    command = [sys.executable, "train.py", *TRAIN, f"hydra.run.dir={folder}"]
    subprocess.run(command, cwd=home, check=True)
    return folder


def equal(folder: Path, other: Path) -> bool:
    """Return whether the curves of two runs are equal to the last bit."""
    curves = [logged(each, read_manifest(each / MANIFEST)["metrics"]) for each in (folder, other)]
    assert len(curves[0]) > 16
    return compare(*curves) == []


def test_two_nodes_train_the_code_of_the_submission(login: Login) -> None:
    folder, model = login.project / "outputs/two", login.project / "tasks/my_task/model.py"
    out = login.submit(
        "train.py", *TRAIN, "cluster.nodes=2", "+cluster.options.hold=true",
        f"hydra.run.dir={folder}",
    )  # fmt: skip
    job = read_job(folder)
    assert f"Submitted job {job['id']}: outputs/two, log outputs/two/slurm/" in out
    assert "\tpending\t" in login.run("ltscaffold", "runs", folder).stdout
    code = model.read_text()
    model.write_text("raise RuntimeError('of a later edit')")
    try:
        login.run("scontrol", "release", job["id"])
        login.until(lambda: "\trunning\t" in login.run("ltscaffold", "runs", folder).stdout)
        manifest = login.finished(folder)
    finally:
        model.write_text(code)
    assert manifest["training"]["nodes"] == manifest["training"]["processes"] == 2
    assert manifest["job"] == {
        "id": job["id"], "nodes": "node[1-2]", "restarts": 0, "log": job["log"]
    }  # fmt: skip
    assert "tasks/my_task/model.py" in manifest["code"]
    assert manifest["command"][0] == "train.py"
    logs = [Path(job["log"].replace("_0_log", f"_{rank}_log")).read_text() for rank in (0, 1)]
    assert ["start: train.py" in log for log in logs] == [True, False]  # composed once
    assert "\tfinished\t" in login.run("ltscaffold", "runs", folder).stdout


def interrupted_by_requeue(login: Login, folder: Path) -> None:
    login.run("scontrol", "requeue", login.until_step(folder, 4))


def interrupted_by_the_time_limit(login: Login, folder: Path) -> None:
    """SLURM announces the limit 30 to 90 seconds before it; the second limit is far away."""
    job = login.until_step(folder, 0)
    log = Path(read_job(folder)["log"])
    login.until(lambda: f"Requeued job {job}" in log.read_text(), log)
    login.run("scontrol", "update", f"JobId={job}", "TimeLimit=60")


def interrupted_by_preemption(login: Login, folder: Path) -> None:
    """A job of a partition of a higher tier needs all nodes."""
    login.until_step(folder, 4)
    urgent = ("--partition=urgent", "--nodes=3", "--exclusive", "--output=/dev/null")
    done = login.run("sbatch", *urgent, "--wrap=sleep 5")
    assert done.returncode == 0, done.stderr


def interrupted_by_preemption_after_a_grace_time(login: Login, folder: Path) -> None:
    interrupted_by_preemption(login, folder)


def interrupted_by_a_dead_node(login: Login, folder: Path) -> None:
    login.until_step(folder, 6)
    login.until(lambda: (folder / "checkpoints/last.ckpt").is_file())
    (name,) = set(re.findall(r"node\d", login.run("squeue", "-h", "-o", "%N").stdout))
    pid = int(Path(login.environment["STATE"], f"pids/slurmd.{name}.pid").read_text())
    node = psutil.Process(pid)
    steps = [p for p in psutil.process_iter() if "slurmstepd" in p.name()]
    dead = [p for step in steps for p in (step, *step.children(recursive=True))]
    for process in (node, *dead):
        with suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGKILL)
    login.until(lambda: "down" in login.run("sinfo", "-h", "-n", name, "-o", "%T").stdout)


@pytest.mark.parametrize(
    ("interrupt", "settings", "step_s"),
    [
        (interrupted_by_requeue, (), 2),
        (interrupted_by_the_time_limit, ("cluster.time=3", "cluster.signal=30"), 10),
        (interrupted_by_preemption, (), 2),
        (interrupted_by_preemption_after_a_grace_time, ("cluster.partition=graceful",), 2),
        (interrupted_by_a_dead_node, ("callbacks.autosave.minutes=0.01",), 2),
    ],
)
def test_an_interrupted_job_continues_to_the_last_bit(
    login: Login,
    undisturbed: Path,
    interrupt: Callable[[Login, Path], None],
    settings: Sequence[str],
    step_s: float,
) -> None:
    folder = login.project / "outputs" / interrupt.__name__
    login.submit("train.py", *TRAIN, *settings, f"hydra.run.dir={folder}", step_s=step_s)
    interrupt(login, folder)
    manifest = login.finished(folder)
    assert manifest["job"]["restarts"]
    assert (folder / "manifest-1.yaml").is_file()
    log = Path(read_job(folder)["log"]).read_text()
    assert "resume=auto: resuming from" in log
    assert equal(folder, undisturbed)


def test_two_nodes_continue_after_the_time_limit(login: Login) -> None:
    folder = login.project / "outputs/two-limited"
    limit = ("cluster.nodes=2", "cluster.time=3", "cluster.signal=30")
    login.submit("train.py", *TRAIN, *limit, f"hydra.run.dir={folder}", step_s=10)
    interrupted_by_the_time_limit(login, folder)
    manifest = login.finished(folder)
    assert (manifest["job"]["restarts"], manifest["training"]["processes"]) == (1, 2)
    assert "resume=auto: resuming from" in Path(read_job(folder)["log"]).read_text()


def test_a_multirun_is_an_array(login: Login) -> None:
    folder = login.project / "outputs/sweep"
    out = login.submit("train.py", "-m", *TRAIN, "training.seed=1,2,3", f"hydra.sweep.dir={folder}")
    assert len(re.findall(r"^Submitted job (\d+)_\d", out, re.MULTILINE)) == 3
    manifests = [login.finished(folder / str(number)) for number in range(3)]
    assert [manifest["seeds"]["training"] for manifest in manifests] == [1, 2, 3]
    array = {str(manifest["job"]["id"]).partition("_")[0] for manifest in manifests}
    assert len(array) == 1
    assert not equal(folder / "0", folder / "1")


def test_an_evaluation_is_a_job(login: Login, undisturbed: Path) -> None:
    folder = login.project / "outputs/evaluated"
    best = f"checkpoint_path={undisturbed}/checkpoints/best.ckpt"
    login.submit("evaluate.py", *TASK, best, f"hydra.run.dir={folder}")
    job = read_job(folder)
    login.until(lambda: job["id"] not in login.run("squeue", "-h", "-o", "%i").stdout.split())
    assert (folder / "predictions.parquet").is_file(), Path(job["log"]).read_text()
    assert "val/loss" in Path(job["log"]).read_text()


def test_processes_of_srun_compose_once(login: Login) -> None:
    """The user's own `srun`, without `cluster=slurm`."""
    done = login.run(
        "srun", "--nodes=2", "--ntasks-per-node=1", sys.executable, "train.py", *TRAIN,
        "trainer.num_nodes=2", "trainer.devices=1", "hydra.run.dir=outputs/srun-${now:%f}",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    (folder,) = login.project.glob("outputs/srun-*")
    manifest = read_manifest(folder / MANIFEST)
    assert manifest["status"] == "finished"
    assert manifest["training"]["processes"] == 2
    assert done.stdout.count("Run folder:") == 1


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("cluster.partition=huge",), "invalid partition specified: huge; sinfo lists"),
        (
            ("cluster.gpus=2", "trainer.accelerator=auto"),
            "gres) specification; sinfo -o '%P %N %G'",
        ),
        (("cluster.nodes=9",), "; sinfo -o"),
        (("trainer.accelerator=gpu",), "has no GPU on the cluster: give cluster.gpus"),
        (("cluster.time=1", "cluster.signal=60"), "give more time"),
    ],
)
def test_a_refused_job_is_one_line_and_leaves_nothing(
    login: Login, words: Sequence[str], line: str
) -> None:
    command = ("train.py", *TRAIN, "cluster=slurm", "hydra.run.dir=outputs/refused")
    done = login.run(sys.executable, *command, *words)
    assert done.returncode == 2
    assert line in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (login.project / "outputs/refused").exists()


@pytest.mark.parametrize("launcher", ["joblib", "submitit_local", "submitit_slurm"])
def test_launchers_of_hydra_run_sweeps(login: Login, launcher: str) -> None:
    package = f"hydra_plugins.hydra_{launcher.partition('_')[0]}_launcher"
    pytest.importorskip(package, reason=f"{package} is not installed")
    folder = login.project / "outputs" / launcher
    done = login.run(
        sys.executable, "train.py", "-m", *TRAIN, "training.seed=1,2", f"hydra/launcher={launcher}",
        f"hydra.sweep.dir={folder}",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    statuses = [read_manifest(folder / each / MANIFEST)["status"] for each in "01"]
    assert statuses == ["finished", "finished"]


def test_the_tutorial_works_as_written(cluster: dict[str, str], project: Path) -> None:
    """The commands that `make test-docs` only composes, too."""
    reader = Reader(project, cluster)
    here = Login(project, cluster)
    for block in blocks((DOCS / "tutorials/cluster.md").read_text("utf-8")):
        reader.take(replace(block, mark=""))
        here.until(lambda: not here.run("squeue", "-h").stdout.strip())
    runs = ["first", "seeds/0", "seeds/1"]
    statuses = [read_manifest(project / f"outputs/{run}/{MANIFEST}")["status"] for run in runs]
    assert statuses == ["finished"] * 3
    assert (project / "outputs/evaluation/report.html").is_file()
