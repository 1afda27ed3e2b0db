"""How the other processes of a run get the jobs that the first has composed."""

import os
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

JOB = "LIGHTNING_TRANSFORMERS_JOB"
"""The environment variable with the process that has composed a job, and the file that holds it."""


def is_first_process() -> bool:
    """Tell whether this process is the one that writes, prints and logs for all."""
    ranks = (os.environ.get(name) for name in ("RANK", "LOCAL_RANK", "SLURM_PROCID"))
    return next((rank for rank in ranks if rank is not None), "0") == "0"


def is_torchrun() -> bool:
    """Tell whether torchrun has started this process and others."""
    return "TORCHELASTIC_RUN_ID" in os.environ and os.environ.get("WORLD_SIZE") != "1"


class LightningsJob:
    """The one job of a process that Lightning has started: in a file that the first has written."""

    def __init__(self) -> None:
        composer, _, file = os.environ[JOB].partition(":")
        self.starter, self.file = int(composer), Path(file)

    def __iter__(self) -> Iterator[bytes]:
        yield self.file.read_bytes()


class TorchrunsJobs:
    """The jobs of processes that torchrun has started: in the key-value store that they share.

    It works across nodes. A multirun has several jobs, and ends with the first that fails.
    """

    def __init__(self) -> None:
        from torch.distributed.distributed_c10d import PrefixStore
        from torch.distributed.rendezvous import rendezvous

        store, _, _ = next(rendezvous("env://"))
        restarts = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
        self.store: Any = PrefixStore(f"lightning_transformers/{restarts}", store)
        self.starter = os.getppid()
        self.number = 0

    def give(self, job: bytes) -> None:
        """Give the next job to the other processes, or let them end with an empty one."""
        self.store.set(str(self.number), job)
        self.number += 1

    def __iter__(self) -> Iterator[bytes]:
        while job := self.take():
            yield job

    def take(self) -> bytes:
        """Return the next job, once there is one, or nothing when the first process has ended."""
        key = str(self.number)
        # Waiting in the store, a process would not hear of signals.
        while not self.store.check([key]):
            time.sleep(0.05)
        self.number += 1
        job: bytes = self.store.get(key)
        return job


@cache
def torchruns_jobs() -> TorchrunsJobs:
    """Return the jobs of this process, if torchrun has started it."""
    return TorchrunsJobs()
