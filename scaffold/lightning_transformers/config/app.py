"""From a command line to a function of a composed config: what the commands share."""

import logging
import os
import sys
import warnings
from argparse import Namespace
from collections.abc import Callable, Sequence
from pathlib import Path

import hydra
from hydra import version
from hydra._internal.utils import _run_hydra, get_args_parser
from hydra.core.utils import env_override
from omegaconf import DictConfig

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.config.compose import find_config_dir, normalize_overrides, parse_flags
from lightning_transformers.config.error_messages import explain, mistake_in
from lightning_transformers.config.exit_status import MISTAKE, exit_on_error
from lightning_transformers.config.help import help_text
from lightning_transformers.config.job import Job
from lightning_transformers.config.launcher import is_worker, release_workers, run_worker

NOISE = (
    r".*exists and is not empty",  # the run folder, which Hydra has just written to
    r".*module\(s\) in eval mode at the start of training",  # a frozen backbone
    r".*is smaller than the logging interval",  # the last batch of an epoch is logged anyway
    r".*LeafSpec.* is deprecated",  # within Lightning
    r".*recommended to use `self\.log\(.*sync_dist=True",  # torchmetrics has synchronised already
)
NO_MASK = "We strongly recommend passing in an `attention_mask`"
"""What transformers says of packed documents, which their positions keep apart."""


def run_app(
    function: Callable[[DictConfig], object],
    script: str | None = None,
    *,
    keeps_files: bool = True,
    examples: Sequence[str] = (),
) -> None:
    """Compose the config from the command line and call `function` with it.

    A mistake on the command line or in a config file, and a `ConfigurationError` of the function,
    end the program with one line and exit status 2; Ctrl-C ends it with one and status 130.
    With several processes rank 0 composes the config, and the other ranks receive it.
    With HYDRA_FULL_ERROR=1 in the environment, an error in composing shows its traceback.

    Args:
        function: does the work.
        script: path of the calling script, whose folder holds `conf/`. Without it, the folder
            where the command was typed, or the configs of the package.
        keeps_files: whether a run has a folder to keep.
        examples: what may follow the command, for its help.
    """
    silence_noise()
    config_dir = find_config_dir(script)
    if is_worker():
        with exit_on_error():
            run_worker(function)
        return
    with exit_on_error(tracebacks=_shows_tracebacks()):
        try:
            _compose_and_run(Job(function, keeps_files), config_dir, script, examples)
        finally:
            release_workers()


def _compose_and_run(
    job: Job, config_dir: Path, script: str | None, examples: Sequence[str]
) -> None:
    overrides: list[str] = []
    try:
        flags = parse_flags(sys.argv[1:])
        flags.overrides = overrides = normalize_overrides(flags.overrides)
        if flags.help:
            print_help(config_dir, script, examples)
        else:
            _run_job(job, flags, config_dir)
    except Exception as error:
        if _shows_tracebacks() or isinstance(error, BrokenPipeError):
            raise
        for failure, traceback in job.failures:
            if failure is error and mistake_in(error):
                sys.exit(MISTAKE)  # the job has printed it
            if failure is error:
                error.__traceback__ = traceback  # without the frames of Hydra
                raise
        with hydra.initialize_config_dir(str(config_dir), version_base="1.3"):
            line = explain(error, overrides, config_dir)
        raise ConfigurationError(line) from error


def _run_job(job: Job, flags: Namespace, config_dir: Path) -> None:
    """Do what `hydra.main` does, with flags that are parsed already."""
    version.setbase("1.3")
    # Hydra then raises what it would print, on several lines.
    with env_override({"HYDRA_FULL_ERROR": "1"}):
        _run_hydra(flags, get_args_parser(), job, str(config_dir), "config")


def _shows_tracebacks() -> bool:
    return os.environ.get("HYDRA_FULL_ERROR") == "1"


def silence_noise() -> None:
    """Turn off the messages that tell the user nothing to act on."""
    for message in NOISE:
        warnings.filterwarnings("ignore", message)
    logging.getLogger("transformers.modeling_utils").addFilter(
        lambda record: not record.getMessage().startswith(NO_MASK)
    )
    for name in ("pytorch_lightning.utilities.rank_zero", "httpx2"):
        logging.getLogger(name).setLevel(logging.WARNING)


def print_help(config_dir: Path, script: str | None, examples: Sequence[str]) -> None:
    """Print what the command takes."""
    name = Path(sys.argv[0]).name
    with hydra.initialize_config_dir(str(config_dir), version_base="1.3"):
        print(help_text(f"python {name}" if script else name, examples))
