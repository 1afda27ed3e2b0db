"""The jobs that wait or run on a cluster, as its scheduler knows them."""

import subprocess
from collections.abc import Sequence

from lightning_transformers.base.run_folder import PENDING, RUNNING

WAITING = {"PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_HOLD", "SUSPENDED"}
TIMEOUT_S = 20


def queued(jobs: Sequence[str]) -> dict[str, str]:
    """Return whether jobs of SLURM are pending or running, by id.

    Args:
        jobs: the ids, such as "123" or "123_4" of an array.

    Returns:
        The status of each that waits or runs; none without `squeue`, or if it fails.
    """
    ids = ",".join(job.partition("_")[0] for job in jobs)
    command = ["squeue", "--noheader", "--array", f"--jobs={ids}", "--format=%i %T"]
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S)
    except (OSError, subprocess.TimeoutExpired):
        return {}
    lines = (line.split() for line in result.stdout.splitlines())
    return {job: PENDING if state in WAITING else RUNNING for job, state in lines}
