"""A run on several processes: rank 0 composes the config, the other ranks run what it has composed.

A process that Lightning starts has the command line of rank 0. If it composed the config again, it
would have a run folder and a log of its own, and in a multirun it would start the whole sweep.
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
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import setup_globals
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

JOB_FILE = "LIGHTNING_TRANSFORMERS_JOB"
"""The environment variable with the file of a job; the file is named after rank 0's process id."""
TIMEOUT_S = 60.0
"""Seconds that the other ranks have to end after rank 0."""
GRACE_S = 3.0
"""Seconds that rank 0 has to fail of the same error as another rank, and report it for both."""


def is_rank_zero() -> bool:
    """Tell whether this process is the one that writes, prints and logs for all."""
    ranks = (os.environ.get(name) for name in ("RANK", "LOCAL_RANK", "SLURM_PROCID"))
    return next((rank for rank in ranks if rank is not None), "0") == "0"


def is_torchrun() -> bool:
    """Tell whether torchrun has started this process and others."""
    return "TORCHELASTIC_RUN_ID" in os.environ and os.environ.get("WORLD_SIZE") != "1"


def is_worker() -> bool:
    """Tell whether this process was started to run what rank 0 has composed."""
    return not is_rank_zero() and (JOB_FILE in os.environ or is_torchrun())


class JobStore:
    """The jobs of processes that torchrun has started, in the key-value store that they share.

    It works across nodes. A multirun has several jobs, and ends with the first that fails.
    """

    def __init__(self) -> None:
        from torch.distributed.distributed_c10d import PrefixStore
        from torch.distributed.rendezvous import rendezvous

        store, _, _ = next(rendezvous("env://"))
        restarts = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
        self.store = PrefixStore(f"lightning_transformers/{restarts}", store)
        self.number = 0

    def put(self, job: bytes) -> None:
        """Hand the next job to the other ranks; an empty one ends them."""
        self.store.set(str(self.number), job)  # type: ignore[arg-type]  # the stub lacks bytes
        self.number += 1

    def take(self) -> bytes:
        """Wait for the next job and return it."""
        key = str(self.number)
        # A process that waits in the store does not react to signals.
        while not self.store.check([key]):
            time.sleep(0.05)
        self.number += 1
        return self.store.get(key)


@cache
def job_store() -> JobStore:
    """Return the store of this process, if torchrun has started it."""
    return JobStore()


@contextmanager
def share_job(config: DictConfig) -> Iterator[None]:
    """Hand a job that this process has composed to the other ranks.

    Args:
        config: the config of the job.
    """
    with suppress(OmegaConfBaseException):  # the checks report it
        OmegaConf.to_container(config, resolve=True)  # fixes the times, for all ranks
    job = pickle.dumps((HydraConfig.instance().cfg, config))
    if is_torchrun():
        job_store().put(job)
        yield  # the process group serves the next job as well
        return
    with TemporaryDirectory(prefix="lightning-transformers-") as folder, launch_scope():
        file = Path(folder, str(os.getpid()))
        file.write_bytes(job)
        os.environ[JOB_FILE] = str(file)
        yield


def release_workers() -> None:
    """Let the other ranks that torchrun has started end: no job follows."""
    if is_torchrun():
        job_store().put(b"")


@contextmanager
def launch_scope() -> Iterator[None]:
    """Restore the state before Lightning started processes, so that the next job can start its own.

    No other process and no process group is left, and the environment variables are as before:
    Lightning sets some that tell it that the processes are started.

    Raises:
        RuntimeError: if another rank failed, and this one did not.
    """
    before = os.environ.copy()
    try:
        yield
        for rank, status in enumerate(end_processes(TIMEOUT_S), 1):
            if status != 0:
                raise RuntimeError(f"process {rank} of the run ended with status {status}")
    except BaseException as error:
        # SIGTERM and the like end all ranks in order.
        end_processes(TIMEOUT_S if isinstance(error, SystemExit) else 0)
        raise
    finally:
        if "torch" in sys.modules:
            from torch import distributed

            if distributed.is_available() and distributed.is_initialized():
                distributed.destroy_process_group()
        os.environ.clear()
        os.environ.update(before)


def end_processes(timeout_s: float) -> list[int]:
    """Wait for the processes that Lightning has started, and kill those that take too long.

    Args:
        timeout_s: how long to wait, in seconds.

    Returns:
        The exit statuses.
    """
    processes: list[subprocess.Popen[bytes]] = []
    for thread in threading.enumerate():
        if thread.name == "child-process-observer":
            # It would kill this process at the first status that is not 0.
            processes += vars(thread)["_child_processes"]
            vars(thread)["_child_processes"] = []
    deadline = time.monotonic() + timeout_s
    for process in processes:
        with suppress(subprocess.TimeoutExpired):
            process.wait(max(0.0, deadline - time.monotonic()))
        process.kill()
    return [process.wait() for process in processes]


def run_worker(function: Callable[[DictConfig], object]) -> None:
    """Run a function with the config of each job that rank 0 has composed.

    This process logs warnings only, and only to the console. An error that rank 0 meets, too, is
    left to rank 0 to report.

    Args:
        function: what rank 0 runs.
    """
    if is_torchrun():
        starter, jobs = os.getppid(), iter(job_store().take, b"")
    else:
        file = Path(os.environ[JOB_FILE])
        starter, jobs = int(file.name), iter([file.read_bytes()])
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # rank 0 decides on Ctrl-C
    threading.Thread(target=_exit_after, args=(starter,), daemon=True).start()
    rank = os.environ.get("RANK", os.environ["LOCAL_RANK"])
    layout = f"[%(asctime)s][rank {rank}][%(name)s][%(levelname)s] - %(message)s"
    logging.basicConfig(format=layout, stream=sys.stdout)
    logging.disable(logging.INFO)  # loggers of Lightning have a level of their own
    setup_globals()
    try:
        for job in jobs:
            with _restored(job) as config:
                function(config)
    except Exception:
        time.sleep(GRACE_S)
        raise


def _exit_after(starter: int) -> None:
    """End this process when the one that has started it is gone."""
    while os.getppid() == starter:
        time.sleep(1)
    os._exit(1)


@contextmanager
def _restored(job: bytes) -> Iterator[DictConfig]:
    """Give the config of a job, with Hydra in the state that it has in rank 0."""
    HydraConfig.instance().cfg, config = pickle.loads(job)
    before, run = Path.cwd(), HydraConfig.get()
    if run.job.chdir:
        os.chdir(run.runtime.output_dir)
    try:
        yield config
    finally:
        os.chdir(before)
