"""Processes that `srun` starts together: they become ranks as those that torchrun starts.

Rank 0 hosts the store that torchrun's agent otherwise provides.
"""

import os
import re
import socket
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
FIRST_PORT, PORTS = 20_000, 10_000
STEP_STRIDE = 997
"""Ports from one step of a job to the next, which leaves those between to jobs of near ids."""
TIMEOUT_S = 300.0
"""Time limit for the store of rank 0 to accept connections."""
END_S = 30.0
"""Time limit for the other ranks to end before the store does."""


def join_step() -> None:
    """Give a process that `srun` started along with others the variables of torchrun.

    MASTER_ADDR is the first node of the step, and MASTER_PORT follows from the ids of job and step;
    the environment takes precedence.

    Raises:
        ConfigurationError: if the nodes have different numbers of processes, the ranks of a node do
            not follow each other, or the port of rank 0 is in use.
    """
    env = os.environ
    if int(env.get(STEP, "1")) == 1 or TORCHRUN in env:
        return
    size, nodes, node = env[STEP], env["SLURM_STEP_NUM_NODES"], env["SLURM_NODEID"]
    even = re.fullmatch(r"(\d+)(\(x\d+\))?", env["SLURM_STEP_TASKS_PER_NODE"])
    if not even:
        raise ConfigurationError(
            f"srun started {size} processes on {nodes} nodes: give each node the same number, "
            "such as srun --ntasks-per-node=1"
        )
    local_size = int(even[1])
    first = int(node) * local_size
    # SLURM_DISTRIBUTION may be cyclic with one process per node, too.
    if env["SLURM_GTIDS"] != ",".join(map(str, range(first, first + local_size))):
        raise ConfigurationError(
            f"srun gave node {node} the ranks {env['SLURM_GTIDS']}, which do not follow each other "
            "as its own: give srun --distribution=block"
        )
    job, step = env["SLURM_JOB_ID"], env["SLURM_STEP_ID"]
    port = FIRST_PORT + (int(job) + STEP_STRIDE * int(step)) % PORTS
    ranks = {
        "RANK": env["SLURM_PROCID"],
        "WORLD_SIZE": size,
        "LOCAL_RANK": env["SLURM_LOCALID"],
        "LOCAL_WORLD_SIZE": str(local_size),
        "GROUP_RANK": node,
        "MASTER_ADDR": env.get("MASTER_ADDR") or first_node(env["SLURM_STEP_NODELIST"]),
        "MASTER_PORT": env.get("MASTER_PORT") or str(port),
        TORCHRUN: f"slurm-{job}.{step}",
        "TORCHELASTIC_USE_AGENT_STORE": str(True),
    }
    env.update(ranks)
    if env["RANK"] == "0":
        host_store()


def first_node(nodes: str) -> str:
    """Return the first name of a list of nodes, such as `gpu[03-07,9],login` or `gpu1`."""
    return re.sub(r"\[(\w+)[^]]*\]", r"\1", re.split(r",(?![^[]*\])", nodes)[0])


@cache
def host_store() -> object:
    """Return the store that this process hosts for all ranks.

    Raises:
        ConfigurationError: if its port is in use.
    """
    from torch.distributed import TCPStore  # type: ignore[attr-defined]

    port = int(os.environ["MASTER_PORT"])
    try:
        return TCPStore(
            "0.0.0.0",
            port,
            is_master=True,
            timeout=timedelta(seconds=TIMEOUT_S),
            wait_for_workers=False,
        )
    except RuntimeError as error:
        raise ConfigurationError(
            f"port {port} of {socket.gethostname()} is in use: set MASTER_PORT=<port>"
        ) from error


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
