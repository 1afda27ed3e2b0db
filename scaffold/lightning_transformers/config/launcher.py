"""A run on several processes: the first composes the config, the others run what it has composed.

A process that Lightning starts has the command line of the first. If it composed the config again,
it would have a run folder and a log of its own, and in a multirun it would start the whole sweep.
"""

import logging
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import setup_globals
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from lightning_transformers.config.error_messages import mistake_in
from lightning_transformers.config.handover import (
    JOB,
    LightningsJob,
    is_first_process,
    is_torchrun,
    torchruns_jobs,
)

INTERRUPTED = 130
"""The exit status of a command that Ctrl-C has ended."""
SET_BY_LIGHTNING = ("LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT", "NODE_RANK", "WORLD_SIZE")
"""Environment variables by which Lightning takes processes for started."""
PATIENCE = 60.0
"""Seconds in which the other processes have to end after the first."""
GRACE = 3.0
"""Seconds in which the first process can fail of the same as another, and say so for both."""


@contextmanager
def shared(config: DictConfig) -> Iterator[None]:
    """Have the other processes join a job, which this one has composed.

    Args:
        config: the config of the job.
    """
    with suppress(OmegaConfBaseException):  # the checks find it, too
        OmegaConf.to_container(config, resolve=True)  # times are noted, and handed over
    job = pickle.dumps((HydraConfig.instance().cfg, config))
    if is_torchrun():
        torchruns_jobs().give(job)
        yield  # the group of the processes serves the next job as well
        return
    with TemporaryDirectory(prefix="lightning-transformers-") as folder, launches():
        file = Path(folder, "job")
        file.write_bytes(job)
        os.environ[JOB] = f"{os.getpid()}:{file}"
        yield


def dismiss() -> None:
    """Let the other processes end that torchrun has started: there is no other job."""
    if is_torchrun():
        torchruns_jobs().give(b"")


@contextmanager
def launches() -> Iterator[None]:
    """Leave everything as it was before Lightning started processes, so that it can again.

    There is then no other process, no process group and no variable of Lightning's in the
    environment.

    Raises:
        RuntimeError: if another process failed, and this one did not.
    """
    before = {name: os.environ.get(name) for name in (*SET_BY_LIGHTNING, JOB)}
    try:
        yield
        _expect_success(end_processes(PATIENCE))
    except BaseException as error:
        # SIGTERM and the like end all of them in order.
        end_processes(PATIENCE if isinstance(error, SystemExit) else 0)
        raise
    finally:
        _leave_group()
        for name, value in before.items():
            os.environ.pop(name, None)
            os.environ.update({name: value} if value is not None else {})


def end_processes(patience: float) -> list[int]:
    """Wait for the processes that Lightning has started, and kill those that take too long.

    Args:
        patience: how long to wait, in seconds.

    Returns:
        The exit statuses.
    """
    processes: list[subprocess.Popen[bytes]] = []
    for thread in threading.enumerate():
        if thread.name == "child-process-observer":
            observer: Any = thread
            # It would kill this process at the first status that is not 0.
            processes += observer._child_processes
            observer._child_processes = []
    deadline = time.monotonic() + patience
    return [_end(process, deadline) for process in processes]


def _end(process: subprocess.Popen[bytes], deadline: float) -> int:
    try:
        return process.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def _expect_success(statuses: list[int]) -> None:
    for rank, status in enumerate(statuses, 1):
        if status != 0:
            raise RuntimeError(f"process {rank} of the run ended with status {status}")


def _leave_group() -> None:
    torch: Any = sys.modules.get("torch")
    if torch and torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def joins() -> bool:
    """Tell whether this process was started for what another has composed."""
    return not is_first_process() and (JOB in os.environ or is_torchrun())


def join(function: Callable[[DictConfig], object]) -> None:
    """Run a function with the config of each job that the first process has composed.

    This process logs nothing but warnings, and to the console alone. What the first would say as
    well, it leaves to that one.

    Args:
        function: what the first process runs.
    """
    jobs = torchruns_jobs() if is_torchrun() else LightningsJob()
    threading.Thread(target=_end_with, args=(jobs.starter,), daemon=True).start()
    if not is_torchrun():
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first process decides on Ctrl-C
    rank = os.environ.get("RANK", os.environ["LOCAL_RANK"])
    layout = f"[%(asctime)s][rank {rank}][%(name)s][%(levelname)s] - %(message)s"
    logging.basicConfig(format=layout, stream=sys.stdout)
    logging.disable(logging.INFO)  # loggers of Lightning have a level of their own
    setup_globals()
    try:
        for job in jobs:
            with _taken_over(job) as config:
                function(config)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except Exception as error:
        time.sleep(GRACE)
        mistake = mistake_in(error)
        if mistake is None:
            raise
        print(f"error: {mistake}", file=sys.stderr)
        sys.exit(2)


def _end_with(starter: int) -> None:
    """End this process when the one that has started it is gone."""
    while os.getppid() == starter:
        time.sleep(1)
    os._exit(1)


@contextmanager
def _taken_over(job: bytes) -> Iterator[DictConfig]:
    """Give the config of a job, and have Hydra as it is in the process that has composed it."""
    HydraConfig.instance().cfg, config = pickle.loads(job)
    before, run = Path.cwd(), HydraConfig.get()
    if run.job.chdir:
        os.chdir(run.runtime.output_dir)
    try:
        yield config
    finally:
        os.chdir(before)
