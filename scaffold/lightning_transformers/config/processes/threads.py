"""Threads of computation, as many as the processors that this process may use."""

import math
import os
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")


def use_available(ranks: int) -> None:
    """Compute with at most the available processors, divided among the ranks of this machine.

    Args:
        ranks: number of ranks.
    """
    import torch  # late: a mistake in the config needs no torch

    number = max(1, available_processors() // ranks)
    if "OMP_NUM_THREADS" not in os.environ and number < torch.get_num_threads():
        os.environ["OMP_NUM_THREADS"] = str(number)  # Lightning ignores the limit of a container
        torch.set_num_threads(number)


def available_processors(cgroups: Path = CGROUPS) -> int:
    """Return the number of processors by affinity and by the limit of a container, at least 1.

    Args:
        cgroups: where the control groups are mounted, of version 2 or 1.
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return int(min(allowed or 1, max(1, processor_limit(cgroups))))


def processor_limit(cgroups: Path) -> float:
    """Return the processors that a container may use per time, infinity without a limit."""
    for names in (("cpu.max",), ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us")):
        files = [cgroups / name for name in names]
        if all(file.is_file() for file in files):
            quota, period = " ".join(file.read_text() for file in files).split()
            if quota not in ("max", "-1"):
                return int(quota) / int(period)
    return math.inf
