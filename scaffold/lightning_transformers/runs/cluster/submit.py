"""Submit commands to SLURM: one job, or an array for the runs of a multirun."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import redirect_stderr
from dataclasses import dataclass
from datetime import datetime
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from lightning_transformers.base.atomic import write_atomically
from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.base.run_folder import JOB, discard_if_empty, is_run, read_job
from lightning_transformers.config.checks import check_config
from lightning_transformers.config.compose import quoted
from lightning_transformers.config.config_tree import to_dict
from lightning_transformers.config.error_messages import NO_SLURM, refusal
from lightning_transformers.runs.manifest.git import git_state

if TYPE_CHECKING:
    from submitit import SlurmExecutor

REQUEUES = 1000
"""How often a training that reaches its time limit is requeued."""
FILES = "slurm"
"""Folder in the folder of a run or a multirun with the logs and the files of submitit."""
CODE = "code"
"""Folder beside it with the copy of the project's code."""
SUFFIXES = (".py", ".yaml", ".yml", ".toml", ".json", ".jinja")
MAX_BYTES = 1_000_000
"""Size up to which a file of a project counts as code."""
NO_CODE = {"outputs", "node_modules", "__pycache__"}
OF_LAUNCH = ("hydra.run.", "hydra.sweep", "hydra.mode", "hydra/launcher", "hydra.launcher")
"""Starts of the overrides of Hydra that concern the command on the login node alone."""
OF_DEVICES = ("trainer.num_nodes=", "trainer.devices=", "trainer.accelerator=")


@dataclass(frozen=True)
class Run:
    """A run to submit.

    Attributes:
        folder: its run folder.
        overrides: those of its command.
        cluster: the group `cluster` of its config.
        processes: processes per node.
    """

    folder: Path
    overrides: list[str]
    cluster: dict[str, Any]
    processes: int


def run_of(config: DictConfig, command: str) -> Run:
    """Check the config of a run, and return the run to submit.

    Args:
        config: the composed config.
        command: `train` or `evaluate`.

    Raises:
        ConfigurationError: for a mistake in the config, another command, a launcher or search of
            Hydra, or a former run in the folder that the job is not to resume.
    """
    check_config(config)
    hydra, cluster = HydraConfig.get(), to_dict(config.cluster)
    if command not in ("train", "evaluate"):
        raise ConfigurationError(f"cluster=slurm submits train and evaluate: run {command} without")
    if hydra.runtime.choices["hydra/launcher"] != "basic":
        raise ConfigurationError(
            "cluster=slurm submits each run itself: remove it, or hydra/launcher="
            f"{hydra.runtime.choices['hydra/launcher']}"
        )
    if hydra.runtime.choices["hydra/sweeper"] != "basic":
        raise ConfigurationError(
            "a search waits for the score of its trials: replace cluster=slurm by "
            "hydra/launcher=submitit_slurm"
        )
    if 60 * cluster["time"] <= cluster["signal"]:
        raise ConfigurationError(
            f"cluster.time={cluster['time']} minutes end before cluster.signal={cluster['signal']} "
            "seconds have passed: give more time"
        )
    folder = Path(hydra.runtime.output_dir)
    if command == "train" and not config.get("resume"):
        if is_run(folder):
            raise ConfigurationError(
                f"{folder} has a run: add resume=auto to continue it, or give another hydra.run.dir"
            )
        if (folder / JOB).is_file():
            number = read_job(folder)["id"]
            raise ConfigurationError(
                f"job {number} was submitted into {folder}: add resume=auto once it has ended or "
                f"been cancelled (scancel {number}), or give another hydra.run.dir"
            )
    processes = _processes(config, cluster["gpus"])
    overrides = [word for word in hydra.overrides.task if not word.startswith(OF_DEVICES)]
    overrides += [word for word in hydra.overrides.hydra if not word.startswith(OF_LAUNCH)]
    overrides += [f"trainer.num_nodes={cluster['nodes']}", f"trainer.devices={processes}"]
    overrides += [f"trainer.accelerator={_accelerator(config, cluster['gpus'])}"]
    overrides += [f"hydra.run.dir={quoted(str(folder))}"]
    if command == "train":
        if not config.get("resume"):
            overrides.append("resume=auto")
        if hydra.mode == RunMode.MULTIRUN and config.training.get("keep_state", "auto") == "auto":
            overrides.append("++training.keep_state=false")
    return Run(folder, overrides, cluster, processes)


def _processes(config: DictConfig, gpus: int) -> int:
    devices = config.trainer.devices
    return gpus or (devices if isinstance(devices, int) and devices > 0 else 1)


def _accelerator(config: DictConfig, gpus: int) -> str:
    given = str(config.trainer.accelerator)
    if gpus and given not in ("auto", "gpu", "cuda"):
        raise ConfigurationError(
            f"trainer.accelerator={given} does not use the GPUs of cluster.gpus={gpus}: remove one"
        )
    if not gpus and given in ("gpu", "cuda"):
        raise ConfigurationError(
            f"trainer.accelerator={given} has no GPU on the cluster: give cluster.gpus=<per node>"
        )
    return "gpu" if gpus else given


def submit(runs: Sequence[Run], command: str, script: str | None) -> None:
    """Submit runs, several of equal resources as one array, and print the ids and logs of the jobs.

    Each run folder then has a `job.yaml`. The jobs share one copy of the code. A refused submission
    leaves nothing of its runs behind; jobs submitted before it stay.

    Args:
        runs: the runs of a command.
        command: `train` or `evaluate`.
        script: the script of the project; None for the console.

    Raises:
        ConfigurationError: without submitit or SLURM, or if SLURM refuses the job.
    """
    home = runs[0].folder if len(runs) == 1 else runs[0].folder.parent
    project = Path(script).resolve().parent if script else Path.cwd()
    code, files = home / CODE / f"{datetime.now():%Y-%m-%d_%H-%M-%S}", home / FILES
    made = [code] if files.exists() else [code, files]
    program = [sys.executable, "-m", "lightning_transformers", command]
    waiting = [*runs]
    try:
        groups = [(_executor(files, equal[0], command), equal) for equal in _by_resources(runs)]
        if (project / f"{command}.py").is_file():
            copy_code(project, code)
            program = [sys.executable, str(code / f"{command}.py")]
        git = git_state(project)
        for executor, equal in groups:
            jobs = _jobs(executor, [[*program, *run.overrides] for run in equal])
            for run, (number, log) in zip(equal, jobs, strict=True):
                waiting.remove(run)
                _record(run, number, log, code, git)
    except BaseException:
        if len(waiting) == len(runs):
            for folder in made:
                shutil.rmtree(folder, ignore_errors=True)
        for run in waiting:
            discard_if_empty(run.folder, CODE, f"{command}.log")
        raise


def _by_resources(runs: Sequence[Run]) -> Iterator[list[Run]]:
    keys = [(run.cluster, run.processes) for run in runs]
    for at, key in enumerate(keys):
        if key not in keys[:at]:
            yield [run for run, other in zip(runs, keys, strict=True) if other == key]


def _record(
    run: Run, number: str, log: Path, code: Path, git: Mapping[str, str | None] | None
) -> None:
    """Write the `job.yaml` of a run, and print its job."""
    record = {
        "id": number,
        "log": str(log),
        "code": str(code) if code.is_dir() else None,
        "git": git,
        "cluster": run.cluster,
    }
    with write_atomically(run.folder / JOB) as beside:
        beside.write_text(yaml.safe_dump(record, sort_keys=False), encoding="utf-8")
    print(f"Submitted job {number}: {os.path.relpath(run.folder)}, log {os.path.relpath(log)}")


def copy_code(project: Path, code: Path) -> None:
    """Copy the code and configs of a project, but no data, runs, environments or hidden folders.

    Args:
        project: the root of the project.
        code: the folder to create.
    """
    for path, folders, files in os.walk(project):
        here = Path(path)
        folders[:] = [
            name
            for name in folders
            if name not in NO_CODE
            and not name.startswith(".")
            and not any((here / name / mark).exists() for mark in ("pyvenv.cfg", ".hydra"))
            and here / name != code.parent
            and not (name == CODE and (here / FILES).exists())
        ]
        for name in files:
            file = here / name
            if file.suffix in SUFFIXES and file.stat().st_size <= MAX_BYTES:
                copy = code / file.relative_to(project)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(file, copy)


def _executor(folder: Path, run: Run, name: str) -> SlurmExecutor:
    """Return the executor of submitit for the resources of a run."""
    if not shutil.which("sbatch") or not shutil.which("srun"):
        raise ConfigurationError(NO_SLURM)
    try:
        from submitit import SlurmExecutor
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            'cluster=slurm needs submitit: pip install "ltscaffold[slurm]"'
        ) from error
    cluster, cpus = run.cluster, run.cluster["cpus"]
    memory = cluster["memory"]
    options = {
        "nodes": cluster["nodes"],
        "ntasks_per_node": run.processes,
        "gpus_per_node": cluster["gpus"] or None,
        "cpus_per_task": cpus,
        "mem": f"{memory}G" if memory else None,
        "time": cluster["time"],
        "partition": cluster["partition"],
        "account": cluster["account"],
        "qos": cluster["qos"],
        "signal_delay_s": cluster["signal"],
    }
    # An evaluation would begin anew each time.
    executor = SlurmExecutor(folder, max_num_timeout=REQUEUES if name == "train" else 0)
    executor.update_parameters(
        job_name=name,
        stderr_to_stdout=True,
        # srun takes the cores of a process from its own option alone since SLURM 22.05.
        srun_args=["--kill-on-bad-exit=1", *([f"--cpus-per-task={cpus}"] if cpus else [])],
        additional_parameters={"requeue": True, **cluster["options"]},
        **{name: value for name, value in options.items() if value is not None},
    )
    return executor


def _jobs(executor: SlurmExecutor, commands: list[list[str]]) -> list[tuple[str, Path]]:
    """Submit commands, and return the id and the log of each job."""
    from submitit.core.utils import FailedJobError

    from lightning_transformers.runs.cluster.command import Command

    directory = os.getcwd()
    try:
        # submitit prints what sbatch has printed.
        with redirect_stderr(StringIO()), executor.batch():
            jobs = [executor.submit(Command(words, directory)) for words in commands]
    except FailedJobError as error:
        raise ConfigurationError(refusal(str(error))) from error
    return [(job.job_id, job.paths.stdout) for job in jobs]
