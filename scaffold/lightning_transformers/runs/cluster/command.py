"""The command of a job, which each process that `srun` starts runs in a process of its own."""

import os
import re
import signal
import subprocess

from submitit import JobEnvironment
from submitit.helpers import DelayedSubmission

from lightning_transformers.base.run_folder import JOB_LOG


class Command:
    """A command, which submitit calls on the nodes.

    The process of the command ignores the signal with which SLURM announces the time limit, since
    submitit requeues the job after `checkpoint`. SIGTERM, which SLURM sends to all processes before
    a preemption, saves the run; SLURM requeues the job, or, if a grace time remains, rank 0 does.

    Args:
        words: the command line.
        directory: where it was typed.
    """

    def __init__(self, words: list[str], directory: str) -> None:
        self.words, self.directory = words, directory

    def __call__(self) -> None:
        """Run the command; exit with its status unless it succeeds or rank 0 ends the job."""
        environment = JobEnvironment()
        self.process = subprocess.Popen(
            self.words,
            cwd=self.directory,
            env={**os.environ, JOB_LOG: str(environment.paths.stdout)},
            preexec_fn=lambda: signal.signal(signal.SIGUSR2, signal.SIG_IGN),
        )
        status = self.process.wait()
        has_saved = status in (0, 128 + signal.SIGTERM)
        if has_saved and environment.global_rank == 0 and is_preempted(environment.job_id):
            subprocess.run(["scontrol", "requeue", environment.job_id])
        if status == 128 + signal.SIGTERM and environment.global_rank:
            # Several nodes have saved the run: with this status, srun would end the job before
            # rank 0 has requeued it.
            return
        if status:
            raise SystemExit(status if status > 0 else 128 - status)

    def checkpoint(self) -> DelayedSubmission:
        """Let the run save itself on all ranks and end; called in a signal handler of rank 0.

        Returns:
            The same command, which submitit runs when the job starts again.
        """
        self.process.terminate()
        # `wait` of the process would wait for the lock that the interrupted `wait` holds.
        os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOWAIT)
        return DelayedSubmission(Command(self.words, self.directory))


def is_preempted(job: str) -> bool:
    """Return whether a job is in the grace time of a preemption, after which SLURM requeues it.

    A job that ends within that time counts as completed.

    Args:
        job: its id, or that of an element of an array, such as `7_2`.
    """
    try:
        about = subprocess.run(
            ["scontrol", "show", "job", job], capture_output=True, text=True, timeout=60
        )
    except (OSError, subprocess.TimeoutExpired):  # a node, or a container, without scontrol
        return False
    time = re.search(r"\bPreemptTime=(\S+)", about.stdout)
    return time is not None and time[1] != "None"
