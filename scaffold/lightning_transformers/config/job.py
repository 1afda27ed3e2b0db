"""Run a function as a Hydra job, and remove its run folder if the run wrote nothing."""

import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from types import TracebackType

from hydra.conf import HydraConf
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.base.run_folder import CHECKPOINTS, discard_if_empty
from lightning_transformers.base.run_log import is_for_console
from lightning_transformers.config.error_messages import user_error
from lightning_transformers.config.exit_status import USER_ERROR, is_interrupt, print_error
from lightning_transformers.config.launcher import is_rank_zero, is_torchrun, share_job
from lightning_transformers.config.tracebacks import print_folded, print_place_of_frames
from lightning_transformers.training.checkpoint import newest_checkpoint


class Job:
    """A function that Hydra calls once, or in a multirun once per combination of values.

    Args:
        function: takes the composed config.
        keeps_files: keep the run folder after a successful run.
    """

    def __init__(self, function: Callable[[DictConfig], object], keeps_files: bool) -> None:
        self.function = function
        self.keeps_files = keeps_files
        self.failures: list[tuple[Exception, TracebackType | None]] = []
        self.__module__ = Path(sys.argv[0]).stem  # Hydra uses it as the job name

    def __call__(self, config: DictConfig) -> object:
        """Run the function; a user error exits with status 2, in a multirun after the last job.

        Returns:
            The result of the function, for the sweeper of a multirun.

        Raises:
            KeyboardInterrupt: for Ctrl-C, with the path of the run folder in its message.
        """
        job = HydraConfig.get()
        for handler in logging.root.handlers:
            if getattr(handler, "stream", sys.stdout) in (sys.stdout, sys.stderr):
                handler.addFilter(is_for_console)
                if isinstance(handler, logging.StreamHandler) and not self.keeps_files:
                    handler.setStream(sys.stderr)  # stdout is for the result
        try:
            with share_job(config), log_warnings() if self.keeps_files else nullcontext():
                result = self.function(config)
        except BaseException as error:
            if is_interrupt(error):
                _discard_empty_run(job)
                raise KeyboardInterrupt(interrupt_message(Path(job.runtime.output_dir))) from None
            if isinstance(error, Exception):
                self._exit_if_last_job(error, job)
            raise
        if not self.keeps_files:
            _discard_empty_run(job)
        return result

    def _exit_if_last_job(self, error: Exception, job: HydraConf) -> None:
        """Print a user error, and exit if it ends the command: outside of a multirun.

        Under torchrun every error ends it: the ranks that have not failed are still in this job.

        Args:
            error: the error of the function; one that is not the user's is only recorded, or
                printed with its traceback under torchrun.
            job: Hydra's config of the job.
        """
        self.failures.append((error, error.__traceback__))
        reported = user_error(error)
        if reported is not None:
            _discard_empty_run(job)
            print_error(reported)
            if job.mode == RunMode.RUN or is_torchrun():
                sys.exit(USER_ERROR)
            return
        log = Path(job.runtime.output_dir, f"{job.job.name}.log")
        if log.is_file():
            print_place_of_frames(log)
        if is_torchrun():
            print_folded(type(error), error, error.__traceback__)
            sys.exit(1)


@contextmanager
def log_warnings() -> Iterator[None]:
    """Log the warnings of Python, so that the log file has them, too."""
    logging.captureWarnings(True)
    logging.raiseExceptions = False  # on a full disk, each line would print a traceback
    try:
        yield
    finally:
        logging.captureWarnings(False)


def interrupt_message(run_dir: Path) -> str:
    """Return the message for a run that Ctrl-C ended.

    It names the run folder, and the overrides that resume the run if it has a checkpoint.
    """
    if not run_dir.is_dir():
        return "interrupted"
    name = os.path.relpath(run_dir)
    folders = [run_dir, *run_dir.glob("seed-*"), *run_dir.glob("fold-*")]  # those of a repeat
    with suppress(ConfigurationError):
        if any(newest_checkpoint(folder / CHECKPOINTS) for folder in folders):
            name += f": continue with resume=auto hydra.run.dir={name}"
    return f"interrupted, the run folder is {name}"


def _discard_empty_run(job: HydraConf) -> None:
    """Remove a run folder without results, and its empty parents, below the working directory."""
    run_dir = Path(job.runtime.output_dir)
    is_below = Path.cwd() in run_dir.parents
    if is_below and is_rank_zero() and discard_if_empty(run_dir, f"{job.job.name}.log"):
        with suppress(OSError):  # the first parent that is not empty
            for parent in run_dir.parents[: run_dir.parents.index(Path.cwd())]:
                parent.rmdir()
