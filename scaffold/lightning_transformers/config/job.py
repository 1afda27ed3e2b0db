"""A function of a composed config as Hydra runs it, and what is left of its run folder."""

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from traceback import print_exc
from types import TracebackType

from hydra.conf import HydraConf
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.base.run_folder import CHECKPOINTS, discard_if_empty
from lightning_transformers.config.error_messages import mistake_in
from lightning_transformers.config.exit_status import MISTAKE, is_interruption, print_mistake
from lightning_transformers.config.launcher import is_rank_zero, is_torchrun, share_job
from lightning_transformers.training.checkpoint import newest_checkpoint


class Job:
    """A function as Hydra calls it, once or, in a multirun, for each combination of values.

    Args:
        function: takes the composed config.
        keeps_files: whether a run has a folder to keep.
    """

    def __init__(self, function: Callable[[DictConfig], object], keeps_files: bool) -> None:
        self.function = function
        self.keeps_files = keeps_files
        self.failures: list[tuple[Exception, TracebackType | None]] = []
        self.__module__ = Path(sys.argv[0]).stem  # what Hydra names the job after

    def __call__(self, config: DictConfig) -> None:
        """Run the function; end the program at a mistake, unless other jobs follow."""
        job = HydraConfig.get()
        try:
            with share_job(config):
                self.function(config)
        except BaseException as error:
            if is_interruption(error):
                _discard_empty_run(job)
                raise KeyboardInterrupt(interruption(Path(job.runtime.output_dir))) from None
            if isinstance(error, Exception):
                self._end_unless_others_follow(error, job)
            raise
        if not self.keeps_files:
            _discard_empty_run(job)

    def _end_unless_others_follow(self, error: Exception, job: HydraConf) -> None:
        """Report a mistake in one line, and end the program if no other job can follow.

        The processes of torchrun cannot start another job: a rank that has not failed may be
        anywhere in this one.
        """
        self.failures.append((error, error.__traceback__))
        mistake = mistake_in(error)
        if mistake is not None:
            _discard_empty_run(job)
            print_mistake(mistake)
            if job.mode == RunMode.RUN or is_torchrun():
                sys.exit(MISTAKE)
        elif is_torchrun():
            print_exc()
            sys.exit(1)


def interruption(run_dir: Path) -> str:
    """Return the last line of a run that Ctrl-C has ended, with how to go on."""
    if not run_dir.is_dir():
        return "interrupted"
    name = os.path.relpath(run_dir)
    with suppress(ConfigurationError):
        if newest_checkpoint(run_dir / CHECKPOINTS):
            name += f": go on with resume=auto hydra.run.dir={name}"
    return f"interrupted, the run folder is {name}"


def _discard_empty_run(job: HydraConf) -> None:
    """Remove a run folder below this one in which nothing was done, and empty ones above it."""
    run_dir = Path(job.runtime.output_dir)
    is_below = Path.cwd() in run_dir.parents
    if is_below and is_rank_zero() and discard_if_empty(run_dir, f"{job.job.name}.log"):
        with suppress(OSError):  # of the first that is not empty
            for parent in run_dir.parents[: run_dir.parents.index(Path.cwd())]:
                parent.rmdir()
