"""Processes that `srun` starts together: they become ranks as those that torchrun starts.

Rank 0 hosts the store that torchrun's agent otherwise provides.
"""

import os
import re
import time
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING

from lightning_transformers.base.errors import ConfigurationError

if TYPE_CHECKING:
    from lightning_transformers.config.processes.lost_ranks import Ranks

STEP = "SLURM_STEP_NUM_TASKS"
"""Variable that `srun` alone sets, unlike SLURM_NTASKS, which a batch script has, too."""
TORCHRUN = "TORCHELASTIC_RUN_ID"
FIRST_PORT = 20_000
TIMEOUT_S = 300.0
"""Time limit for the store of rank 0 to accept connections."""
END_S = 30.0
"""Time limit for the other ranks to end before the store does."""


def join_step() -> None:
    """Give a process that `srun` started along with others the variables of torchrun.

    MASTER_ADDR is the first node of the job, and MASTER_PORT follows from its id; the environment
    takes precedence.

    Raises:
        ConfigurationError: if the nodes have different numbers of processes.
    """
    env = os.environ
    if int(env.get(STEP, "1")) == 1 or TORCHRUN in env:
        return
    size, nodes = int(env[STEP]), int(env["SLURM_STEP_NUM_NODES"])
    if size % nodes:
        raise ConfigurationError(
            f"srun started {size} processes on {nodes} nodes: give each node the same number, "
            "such as srun --ntasks-per-node=1"
        )
    job = env["SLURM_JOB_ID"]
    ranks = {
        "RANK": env["SLURM_PROCID"],
        "WORLD_SIZE": str(size),
        "LOCAL_RANK": env["SLURM_LOCALID"],
        "LOCAL_WORLD_SIZE": str(size // nodes),
        "GROUP_RANK": env["SLURM_NODEID"],
        "MASTER_ADDR": env.get("MASTER_ADDR") or first_node(env["SLURM_STEP_NODELIST"]),
        "MASTER_PORT": env.get("MASTER_PORT") or str(FIRST_PORT + int(job) % 10_000),
        TORCHRUN: f"slurm-{job}",
        "TORCHELASTIC_USE_AGENT_STORE": str(True),
    }
    env.update(ranks)
    if env["RANK"] == "0":
        _store()


def first_node(nodes: str) -> str:
    """Return the first name of a list of nodes, such as `gpu[03-07,9],login` or `gpu1`."""
    return re.sub(r"\[(\w+)[^]]*\]", r"\1", re.split(r",(?![^[]*\])", nodes)[0])


@cache
def _store() -> object:
    """Return the store that this process hosts for all ranks."""
    from torch.distributed import TCPStore  # type: ignore[attr-defined]

    return TCPStore(
        "0.0.0.0",
        int(os.environ["MASTER_PORT"]),
        is_master=True,
        timeout=timedelta(seconds=TIMEOUT_S),
        wait_for_workers=False,
    )


def wait_for_others(ranks: "Ranks") -> None:
    """Wait on rank 0, which hosts the store of a step of `srun`, until the other ranks have ended.

    Args:
        ranks: the ranks of the job.
    """
    if not os.environ[TORCHRUN].startswith("slurm-"):
        return
    deadline = time.monotonic() + END_S
    for rank in range(1, int(os.environ["WORLD_SIZE"])):
        while ranks.notes.get(f"ended-{rank}") is None and time.monotonic() < deadline:
            time.sleep(0.05)
