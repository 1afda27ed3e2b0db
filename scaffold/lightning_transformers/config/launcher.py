"""Multi-process runs: rank 0 composes the config and sends it to the other ranks.

Lightning starts each process with the command line of rank 0. Composing the config there again
would create another run folder and log, and in a multirun start the whole sweep again.
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
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import setup_globals
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.config.processes import lost_ranks
from lightning_transformers.config.processes.lost_ranks import (
    FolderNotes,
    Ranks,
    RankWatch,
    StoreNotes,
)
from lightning_transformers.config.processes.srun import wait_for_others
from lightning_transformers.config.tracebacks import described

JOB_FILE = "LIGHTNING_TRANSFORMERS_JOB"
"""Environment variable with the path of a pickled job, a file named after rank 0's process id."""
TIMEOUT_S = 60.0
"""Time limit for the other ranks to exit after rank 0."""
GRACE_S = 3.0
"""Time that a failing rank waits for rank 0 to fail with the same error and report it."""
REAP_S = 5.0
"""Time in which the others learn of a rank whose connection is closed."""


def is_rank_zero() -> bool:
    """Return whether this process is rank 0, which writes, prints and logs."""
    ranks = (os.environ.get(name) for name in ("RANK", "LOCAL_RANK", "SLURM_PROCID"))
    return next((rank for rank in ranks if rank is not None), "0") == "0"


def is_torchrun() -> bool:
    """Return whether torchrun started this process along with others."""
    return "TORCHELASTIC_RUN_ID" in os.environ and os.environ.get("WORLD_SIZE") != "1"


@contextmanager
def end_all_nodes() -> Iterator[None]:
    """Exit with status 143, not 0, after a SIGTERM to one of several nodes.

    After status 0, torchrun waits five minutes for the node that has got the signal.
    """
    try:
        yield
    except SystemExit as error:
        if error.code is None and is_torchrun() and _torchrun_ranks().has_others:
            sys.exit(128 + signal.SIGTERM)
        raise


def is_worker() -> bool:
    """Return whether this process runs the jobs that rank 0 composes."""
    return not is_rank_zero() and (JOB_FILE in os.environ or is_torchrun())


class JobStore:
    """Jobs in the key-value store that processes started by torchrun share, across nodes.

    A multirun has several jobs; it ends with the first that fails.
    """

    def __init__(self) -> None:
        from torch.distributed.distributed_c10d import PrefixStore
        from torch.distributed.rendezvous import rendezvous

        store, _, _ = next(rendezvous("env://"))
        restarts = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
        self.store = PrefixStore(f"lightning_transformers/{restarts}", store)
        self.number = 0

    def put(self, job: bytes) -> None:
        """Send the next job to the other ranks; an empty job makes them exit."""
        self.store.set(str(self.number), job)  # type: ignore[arg-type]  # the stub lacks bytes
        self.number += 1

    def take(self) -> bytes:
        """Wait for the next job and return it."""
        key = str(self.number)
        # Poll: a process blocked in the store does not handle signals.
        while not self.store.check([key]):
            time.sleep(0.05)
        self.number += 1
        return self.store.get(key)


@cache
def job_store() -> JobStore:
    """Return the job store of this process, which torchrun must have started."""
    return JobStore()


@contextmanager
def share_job(config: DictConfig) -> Iterator[None]:
    """Send the job that this process composed to the other ranks.

    Args:
        config: the config of the job.
    """
    with suppress(OmegaConfBaseException):  # reported by check_config
        OmegaConf.to_container(config, resolve=True)  # fixes `now:` to one time for all ranks
    job = pickle.dumps((_plain(HydraConfig.instance().cfg), _plain(config)))
    if is_torchrun():
        job_store().put(job)
        yield  # the next job reuses the process group
        return
    with TemporaryDirectory(prefix="lightning-transformers-") as folder, launch_scope():
        file = Path(folder, str(os.getpid()))
        file.write_bytes(job)
        os.environ[JOB_FILE] = str(file)
        job_ranks()
        yield


def _plain(config: Any) -> tuple[Any, dict[str, Any]]:
    """Return a config as dicts and lists, without classes that pickle may refuse, and its times."""
    if config is None:
        return None, {}
    return OmegaConf.to_container(config), OmegaConf.get_cache(config)


def _restored(plain: tuple[Any, dict[str, Any]]) -> Any:
    """Return the config of which `_plain` returns the content."""
    content, times = plain
    config = OmegaConf.create(content)
    OmegaConf.set_cache(config, times)
    return config


def job_ranks() -> Ranks | None:
    """Return the shared knowledge of the ranks of this job, None outside of a job."""
    if is_torchrun():
        return _torchrun_ranks()
    return _started_ranks(os.environ[JOB_FILE]) if JOB_FILE in os.environ else None


@cache
def _torchrun_ranks() -> Ranks:
    names = ("RANK", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "WORLD_SIZE")
    rank, local, here, size = (int(os.environ[name]) for name in names)
    first = rank - local
    return Ranks(StoreNotes(job_store().store), rank, range(first, first + here), size)


@cache
def _started_ranks(job_file: str) -> Ranks:
    rank, size = (int(os.environ.get(n, d)) for n, d in (("LOCAL_RANK", "0"), ("WORLD_SIZE", "1")))
    return Ranks(FolderNotes(Path(job_file).parent), rank, range(size))


def watch_ranks(devices: int) -> None:
    """Let rank 0 end, with one line, when another rank of the job does not live any more.

    Args:
        devices: the number of ranks on this machine.
    """
    ranks = job_ranks()
    alone = devices == 1 and not is_torchrun()
    if alone or ranks is None or not is_rank_zero() or watches():
        return
    if is_torchrun():
        signal.signal(signal.SIGTERM, wait_if_lost)
    else:
        ranks.peers = range(devices)
    check, end = partial(replace_observers, ranks), partial(end_processes, 0.0)
    RankWatch(ranks, lost_ranks.GRACE_S, check, end).start()


def wait_if_lost(signum: int, _: object) -> None:
    """Handle SIGTERM, which torchrun sends to the ranks that live when another one is lost.

    They then report the rank before they end. At any other time the process ends at once, except
    in a fit, which has a handler of its own.
    """
    ranks = job_ranks()
    if signal.getsignal(signum) is wait_if_lost and ranks and not ranks.lost():
        signal.signal(signum, signal.SIG_DFL)
        os.kill(os.getpid(), signum)


def watches() -> list[RankWatch]:
    """Return the watches of this process that are not stopped."""
    found = [thread for thread in threading.enumerate() if isinstance(thread, RankWatch)]
    return [watch for watch in found if not watch.stopped.is_set()]


def stop_watches() -> None:
    """Let no watch end this process from now on."""
    for watch in watches():
        watch.stopped.set()


def lost_rank(error: BaseException) -> str | None:
    """Return the line about the rank whose end has caused an error of communication, or None.

    On rank 0, the watch leaves the end of the process to the caller.
    """
    ranks = job_ranks() if lost_ranks.is_of_network(error) else None
    patience = REAP_S + lost_ranks.SILENCE_S if ranks and ranks.has_others else REAP_S
    deadline = time.monotonic() + patience
    while ranks and time.monotonic() < deadline:
        lost: dict[int, str] = {}
        with suppress(OSError, RuntimeError):  # the first node is lost
            lost = ranks.lost()
        if lost:
            if is_rank_zero():
                stop_watches()
            return next(iter(lost.values()))
        time.sleep(0.2)
    return None


def release_workers() -> None:
    """Make the other ranks that torchrun started exit: no job follows."""
    stop_watches()
    if is_torchrun():
        _torchrun_ranks().end()
        job_store().put(b"")
        wait_for_others(_torchrun_ranks())


@contextmanager
def launch_scope() -> Iterator[None]:
    """On exit, end the other ranks and the process group and restore the environment variables.

    It waits up to `TIMEOUT_S` for the processes that Lightning started, and kills them immediately
    if the body fails. The next job can then launch its own: Lightning launches none while its
    environment variables are set.

    Raises:
        RuntimeError: if another rank failed and this one did not.
    """
    before = os.environ.copy()
    try:
        yield
        for rank, status in enumerate(end_processes(TIMEOUT_S), 1):
            if status != 0:
                raise RuntimeError(
                    f"process {rank} of the run ended with status {status}: see its output above"
                )
    except BaseException as error:
        # After SIGTERM the other ranks exit by themselves.
        end_processes(TIMEOUT_S if isinstance(error, SystemExit) else 0)
        raise
    finally:
        stop_watches()
        if "torch" in sys.modules:
            from torch import distributed

            if distributed.is_available() and distributed.is_initialized():
                distributed.destroy_process_group()
        os.environ.clear()
        os.environ.update(before)


def end_processes(timeout_s: float) -> list[int]:
    """Wait for the processes that Lightning started, and kill them after a timeout.

    Args:
        timeout_s: timeout in seconds, for all processes together.

    Returns:
        The exit statuses, in the order of the ranks from 1 on.
    """
    processes: list[subprocess.Popen[bytes]] = []
    for observer in _observers():
        # The observer kills this process at the first nonzero status: take its list away.
        processes += observer["_child_processes"]
        observer["_child_processes"] = []
    deadline = time.monotonic() + timeout_s
    for process in processes:
        with suppress(subprocess.TimeoutExpired):
            process.wait(max(0.0, deadline - time.monotonic()))
        process.kill()
    return [process.wait() for process in processes]


def _observers() -> list[dict[str, Any]]:
    """Return the attributes of Lightning's threads that observe the processes it has started."""
    threads = threading.enumerate()
    return [vars(thread) for thread in threads if thread.name == "child-process-observer"]


def replace_observers(ranks: Ranks) -> None:
    """Keep Lightning's observers from killing this process: it would neither record nor report.

    Args:
        ranks: the ranks of the job, which learn of one that has ended before it knew them.
    """
    for observer in _observers():
        observer["_run"] = lambda observer=observer: not observer["_child_processes"]
        for rank, process in enumerate(observer["_child_processes"], 1):
            if process.poll() and ranks.notes.get(f"process-{rank}") is None:
                line = f"rank {rank} has ended with status {process.returncode}: see its output"
                ranks.notes.put("failure", f"{rank} {line}")


def run_worker(function: Callable[[DictConfig], object]) -> None:
    """Run a function on the config of each job that rank 0 sends.

    This process logs warnings only, and only to the console. Before it raises an error it waits
    `GRACE_S`, so that rank 0 can report the same error. Unless torchrun started this process, rank
    0 reports a user error of this rank alone, too.

    Args:
        function: the function that rank 0 runs.
    """
    if is_torchrun():
        jobs = iter(job_store().take, b"")
        signal.signal(signal.SIGTERM, wait_if_lost)
    else:
        jobs = iter([Path(os.environ[JOB_FILE]).read_bytes()])
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # rank 0 handles Ctrl-C
    ranks = job_ranks()
    assert ranks is not None
    RankWatch(ranks).start()
    rank = os.environ.get("RANK", os.environ["LOCAL_RANK"])
    layout = f"[%(asctime)s][rank {rank}][%(name)s][%(levelname)s] - %(message)s"
    logging.basicConfig(format=layout, stream=sys.stdout)
    logging.disable(logging.INFO)  # Lightning sets the level of its loggers
    setup_globals()
    try:
        for job in jobs:
            with _hydra_state(job) as config:
                function(config)
    except Exception as error:
        reported = isinstance(error, ConfigurationError)
        text = str(error) if reported else described(error)
        by_others = lost_ranks.is_of_network(error)
        ranks.end("" if by_others else f"rank {rank} has failed: {text}")
        # The watch ends this process when it knows the rank that is lost.
        others = by_others and ranks.has_others
        time.sleep(lost_ranks.SILENCE_S + lost_ranks.GRACE_S if others else GRACE_S)
        if reported and not is_torchrun():
            sys.exit(2)
        raise
    finally:
        ranks.end()


@contextmanager
def _hydra_state(job: bytes) -> Iterator[DictConfig]:
    """Yield the config of a job, with Hydra in the same state as in rank 0."""
    HydraConfig.instance().cfg, config = map(_restored, pickle.loads(job))
    before, run = Path.cwd(), HydraConfig.get()
    if run.job.chdir:
        os.chdir(run.runtime.output_dir)
    try:
        yield config
    finally:
        os.chdir(before)
