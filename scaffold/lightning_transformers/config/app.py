"""From a command line to a function of a composed config: what the commands share."""

import logging
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import hydra
from hydra.core.utils import env_override
from omegaconf import DictConfig

from lightning_transformers.config.compose import find_config_dir, normalize_overrides, parse_flags
from lightning_transformers.config.error_messages import explain, mistake_in
from lightning_transformers.config.help import help_text
from lightning_transformers.config.job import Job
from lightning_transformers.config.launcher import INTERRUPTED, dismiss, join, joins

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

    A mistake, be it of the command line, of a config file or a `ConfigurationError` of the
    function, ends the program with one line and exit status 2; Ctrl-C with one and status 130.
    Of several processes the first composes, and the others take its config over.
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
    if joins():
        join(function)
        return
    try:
        _compose_and_run(Job(function, keeps_files), config_dir, script, examples)
    finally:
        dismiss()


def _compose_and_run(
    job: Job, config_dir: Path, script: str | None, examples: Sequence[str]
) -> None:
    sys.argv[1:] = normalize_overrides(sys.argv[1:])
    shows_tracebacks = os.environ.get("HYDRA_FULL_ERROR") == "1"
    try:
        flags = parse_flags(sys.argv[1:])
        # Hydra takes no flag in the midst of overrides.
        for override in flags.overrides:
            sys.argv.remove(override)
        sys.argv += flags.overrides
        if flags.help:
            print_help(config_dir, script, examples)
            return
        # Hydra then raises what it would print, on several lines.
        with env_override({"HYDRA_FULL_ERROR": "1"}):
            hydra.main(version_base="1.3", config_path=str(config_dir), config_name="config")(job)()
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(INTERRUPTED)
    except Exception as error:
        if shows_tracebacks:
            raise
        _give_up_after(job, error)
        with hydra.initialize_config_dir(str(config_dir), version_base="1.3"):
            line = explain(error, sys.argv[1:], config_dir)
        print(f"error: {line}", file=sys.stderr)
        sys.exit(2)


def _give_up_after(job: Job, error: Exception) -> None:
    """End the program if it is the job that has failed with this error, and return otherwise."""
    for failure, traceback in job.failures:
        if failure is error and mistake_in(error):
            sys.exit(2)  # the job has said so
        if failure is error:
            raise error.with_traceback(traceback)  # without the frames of Hydra


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
