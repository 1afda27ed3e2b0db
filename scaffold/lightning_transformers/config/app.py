"""Run a function with the config composed from the command line, for all commands."""

import logging
import os
import sys
import warnings
from argparse import Namespace
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

import hydra
from hydra import version
from hydra._internal.hydra import Hydra
from hydra._internal.utils import _run_hydra
from hydra.core import utils
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, flag_override, open_dict, read_write
from omegaconf.errors import OmegaConfBaseException

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.base.run_lock import in_use, is_locked
from lightning_transformers.config.compose import (
    enable_project_imports,
    find_config_dir,
    hydra_parser,
    normalize_overrides,
    parse_flags,
    replaced,
)
from lightning_transformers.config.error_messages import explain, user_error
from lightning_transformers.config.exit_status import USER_ERROR, exit_on_error
from lightning_transformers.config.former_keys import former_overrides
from lightning_transformers.config.help import help_text, key_help
from lightning_transformers.config.job import Job
from lightning_transformers.config.launcher import (
    end_all_nodes,
    is_worker,
    release_workers,
    run_worker,
)
from lightning_transformers.config.legacy import legacy_hint
from lightning_transformers.config.processes.srun import join_step

IGNORED_WARNINGS = (
    r".*exists and is not empty",  # the run folder: Hydra writes its config there first
    r".*module\(s\) in eval mode at the start of training",  # a frozen backbone
    r".*is smaller than the logging interval",  # the task logs the last batch of each epoch
    r".*LeafSpec.* is deprecated",  # raised inside Lightning
    r".*Found keys that are in the model state dict but not in the checkpoint",  # of an adapter
    r".*recommended to use `self\.log\(.*sync_dist=True",  # torchmetrics synchronizes the values
)
ATTENTION_MASK_WARNING = "We strongly recommend passing in an `attention_mask`"
"""Start of a warning that is wrong for packed documents: position ids separate them."""
get_mode, save_config = Hydra.get_mode, utils._save_config


def run_app(
    function: Callable[[DictConfig], object],
    script: str | None = None,
    *,
    keeps_files: bool = True,
    is_job: bool = True,
    examples: Sequence[str] = (),
) -> None:
    """Compose the config from the command line and call `function` with it.

    A `ConfigurationError`, from composing the config or from `function`, prints one line and exits
    with status 2; Ctrl-C prints one line and exits with status 130. Rank 0 composes the config and
    sends it to the other ranks. HYDRA_FULL_ERROR=1 in the environment shows tracebacks.

    Args:
        function: runs the command on the composed config.
        script: path of the calling script, next to `conf/`; None: the working directory, or the
            packaged configs if it has no `conf/config.yaml`.
        keeps_files: keep the run folder after the command.
        is_job: run a job of Hydra, in which the project can be imported. Without one, YAML is read,
            and no module of the project that it names is imported.
        examples: example arguments, shown by `--help`.

    Raises:
        SystemExit: with status 2, 130 or 141, see `exit_on_error`.
    """
    suppress_library_warnings()
    config_dir = find_config_dir(script)
    if is_job:
        enable_project_imports(config_dir)
    with exit_on_error():
        join_step()
    if is_worker():
        with exit_on_error(), end_all_nodes():
            run_worker(function)
        return
    with exit_on_error(tracebacks=_shows_tracebacks()):
        try:
            job = Job(function, keeps_files)
            with end_all_nodes():
                _compose_and_run(job, config_dir, script, examples, is_job)
        finally:
            release_workers()


def _compose_and_run(
    job: Job, config_dir: Path, script: str | None, examples: Sequence[str], is_job: bool
) -> None:
    overrides: list[str] = []
    try:
        flags = parse_flags(sys.argv[1:])
        flags.overrides = overrides = normalize_overrides(flags.overrides, config_dir)
        if flags.help:
            print_help(config_dir, script, examples, overrides)
        else:
            _run_job(job, flags, config_dir, is_job)
    except Exception as error:
        if _shows_tracebacks() or isinstance(error, BrokenPipeError):
            raise
        for failure, traceback in job.failures:
            if failure is error and user_error(error):
                sys.exit(USER_ERROR)  # printed by the job
            if failure is error:
                error.__traceback__ = traceback  # drops the frames of Hydra
                raise
        with hydra.initialize_config_dir(str(config_dir), version_base="1.3"):
            line = explain(error, overrides, config_dir)
            if any(line == legacy_hint(override) for override in overrides):
                line = "; ".join(former_overrides(overrides, config_dir))
        raise ConfigurationError(line) from error


def _run_job(job: Job, flags: Namespace, config_dir: Path, is_job: bool) -> None:
    """Compose the config and run the job, as `hydra.main` does, with parsed flags.

    Args:
        job: the job.
        flags: those of the command line.
        config_dir: the folder of `config.yaml`.
        is_job: as in `run_app`.
    """
    version.setbase("1.3")
    with ExitStack() as stack:
        # Hydra then raises its errors instead of printing them on several lines.
        stack.enter_context(utils.env_override({"HYDRA_FULL_ERROR": "1"}))
        stack.enter_context(replaced(utils, "_save_config", _save))
        if not flags.multirun:
            stack.enter_context(replaced(Hydra, "get_mode", _mode_of_first_config))
        if not is_job:
            if flags.multirun:
                raise ConfigurationError("this command composes one config: remove --multirun")
            stack.enter_context(replaced(Hydra, "run", _call_without_job))
            stack.enter_context(replaced(Hydra, "multirun", _call_without_job))
        _run_hydra(flags, hydra_parser(), job, str(config_dir), "config")


def _mode_of_first_config(app: Hydra, config_name: str, overrides: list[str]) -> RunMode | None:
    """Return the mode that the config sets, which the run then takes; Hydra composes it twice.

    Raises:
        Exception: for a config that cannot be composed.
    """
    try:
        config = app.compose_config(config_name, overrides, RunMode.RUN)
    except Exception as error:
        is_key = isinstance(error.__cause__, OmegaConfBaseException)  # in every mode
        mode: RunMode | None = None if is_key else get_mode(app, config_name, overrides)
        if mode is None:
            raise
        return mode
    if config.hydra.mode == RunMode.MULTIRUN:
        return RunMode.MULTIRUN
    if config.hydra.mode is None:
        config.hydra.mode = RunMode.RUN
        config.hydra.overrides.hydra.append("hydra.mode=RUN")

    def load_once(*_: object, **__: object) -> DictConfig:
        del app.config_loader.load_configuration  # the command may compose others later
        return config

    app.config_loader.load_configuration = load_once  # type: ignore[method-assign]
    return RunMode.RUN


def _call_without_job(
    app: Hydra, config_name: str, task_function: Job, overrides: list[str]
) -> None:
    """Call the function of a job: Hydra's `run` imports callbacks, log handlers and launchers."""
    config = app.compose_config(config_name, overrides, RunMode.RUN)
    HydraConfig.instance().set_config(config)
    with read_write(config.hydra.runtime), open_dict(config.hydra.runtime):
        config.hydra.runtime.output_dir = os.path.abspath(config.hydra.run.dir)
    HydraConfig.instance().set_config(config)
    with flag_override(config, "struct", False):
        del config.hydra
    task_function.function(config)


def _save(config: DictConfig, filename: str, output_dir: Path) -> None:
    """Save a config as Hydra does, but not into `.hydra` of a run that another process writes.

    Raises:
        ConfigurationError: for such a run.
    """
    if is_locked(output_dir.parent):
        raise in_use(Path(os.path.relpath(output_dir.parent)))
    save_config(config, filename, output_dir)


def _shows_tracebacks() -> bool:
    return os.environ.get("HYDRA_FULL_ERROR") == "1"


def suppress_library_warnings() -> None:
    """Suppress library warnings that require no action."""
    for message in IGNORED_WARNINGS:
        warnings.filterwarnings("ignore", message)
    logging.getLogger("transformers.modeling_utils").addFilter(
        lambda record: not record.getMessage().startswith(ATTENTION_MASK_WARNING)
    )
    for name in (
        "pytorch_lightning.utilities.rank_zero",
        *("aiobotocore", "botocore", "httpx2", "onnx_ir", "onnxscript"),
    ):
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # it warns in each forward pass


def print_help(
    config_dir: Path, script: str | None, examples: Sequence[str], words: Sequence[str] = ()
) -> None:
    """Print the help of the command, or of each key among the words.

    Args:
        config_dir: the folder of `config.yaml`.
        script: path of the calling script; None for a command of the console.
        examples: arguments of example command lines.
        words: keys to explain, and overrides of the config that gives their values.
    """
    name = Path(sys.argv[0]).name
    keys = [word for word in words if "=" not in word and not word.startswith("~")]
    with hydra.initialize_config_dir(str(config_dir), version_base="1.3"):
        if not keys:
            print(help_text(f"python {name}" if script else name, examples))
            return
        overrides = [word for word in words if word not in keys]
        config = hydra.compose("config", overrides, return_hydra_config=True)
        HydraConfig.instance().set_config(config)
        with flag_override(config, "struct", False):
            del config.hydra
        print("\n\n".join(key_help(key, config) for key in keys))
