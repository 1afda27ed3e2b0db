"""From a command line to a function of a composed config: what `train` and `predict` share."""

import logging
import os
import re
import shutil
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import hydra
from hydra.conf import HydraConf
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from lightning_transformers.errors import ConfigurationError

PACKAGED_CONFIGS = Path(__file__).parent / "conf"
NOISE = (
    r".*exists and is not empty",  # the run folder, which Hydra has just written to
    r".*module\(s\) in eval mode at the start of training",  # a frozen backbone
    r".*LeafSpec.* is deprecated",  # within Lightning
)
QUOTED_OR_NESTED = re.compile(r"\"(\\.|[^\"\\])*\"|'(\\.|[^'\\])*'|\{.*\}|\[.*\]|", re.DOTALL)
"""A value that Hydra reads as it stands; `{…}` is a mapping, as question answering takes it."""
IN_CONFIG = ("task", "experiment", "x", "checkpoint_path")


def run_app(
    function: Callable[[DictConfig], object], script: str | None = None, *, keeps_files: bool = True
) -> None:
    """Compose the config from the command line and call `function` with it.

    Args:
        function: does the work. A `ConfigurationError` that it raises ends the program with one
            line and exit status 2.
        script: path of the calling script, whose folder holds `conf/`. Without it, the folder
            where the command was typed, or the configs of the package.
        keeps_files: whether a run has a folder to keep.
    """
    sys.argv[1:] = normalize_overrides(sys.argv[1:])
    silence_noise()
    config_dir = find_config_dir(script)
    app = hydra.main(version_base="1.3", config_path=str(config_dir), config_name="config")
    app(_report_mistakes(function, keeps_files))()


def silence_noise() -> None:
    """Turn off the messages that tell the user nothing to act on."""
    for message in NOISE:
        warnings.filterwarnings("ignore", message)
    logging.getLogger("pytorch_lightning.utilities.rank_zero").setLevel(logging.WARNING)


def normalize_overrides(overrides: Sequence[str]) -> list[str]:
    """Return the overrides with `+task=` spelled `task=`, and the like, and with `x` in quotes.

    Hydra refuses the plus for a group in the defaults list, where experiments need `task` to be,
    and demands it for one that is not. Both spellings are documented, so both work. The text to
    predict on may have commas and apostrophes, which mean something to Hydra.
    """
    return [_normalized(override) for override in overrides]


def _normalized(override: str) -> str:
    key, equals, value = override.partition("=")
    name = key.lstrip("+")
    if name not in IN_CONFIG or not equals:
        return override
    if name == "x" and not QUOTED_OR_NESTED.fullmatch(value):
        # In Hydra's quotes a backslash is itself, except before a quote and at the end.
        escaped = re.sub(r'(\\*)"', r'\1\1\\"', value)
        doubled = value[len(value.rstrip("\\")) :]
        value = f'"{escaped}{doubled}"'
    return f"{name}={value}"


def find_config_dir(script: str | None) -> Path:
    """Return the folder of `config.yaml`, and make the code beside it importable."""
    project = Path(script).resolve().parent if script else Path.cwd()
    if not (project / "conf" / "config.yaml").is_file():
        return PACKAGED_CONFIGS
    if str(project) not in sys.path:
        sys.path.insert(0, str(project))
    return project / "conf"


def compose(overrides: Sequence[str], config_dir: Path = PACKAGED_CONFIGS) -> DictConfig:
    """Return the config of a command line, without running it.

    Args:
        overrides: what would be typed after the script.
        config_dir: the folder of `config.yaml`. `hydra:` interpolations, such as the run folder,
            have a value in a run only: override `training.run_dir`.
    """
    with hydra.initialize_config_dir(str(config_dir.resolve()), version_base="1.3"):
        return hydra.compose("config", overrides=normalize_overrides(overrides))


def mistake_in(error: BaseException | None) -> ConfigurationError | None:
    """Return the user's mistake behind an error; Hydra wraps what its targets raise."""
    while error is not None and not isinstance(error, ConfigurationError):
        error = error.__cause__
    return error


def _report_mistakes(
    function: Callable[[DictConfig], object], keeps_files: bool
) -> Callable[[DictConfig], None]:
    def reporting(config: DictConfig) -> None:
        try:
            function(config)
        except Exception as error:
            mistake = mistake_in(error)
            if mistake is None:
                raise
            _discard_empty_run(HydraConfig.get())
            print(f"error: {mistake}", file=sys.stderr)
            if HydraConfig.get().mode == RunMode.MULTIRUN:
                raise  # Hydra goes on with the next job
            sys.exit(2)
        if not keeps_files:
            _discard_empty_run(HydraConfig.get())

    reporting.__module__ = Path(sys.argv[0]).stem  # what Hydra names the job after
    return reporting


def _discard_empty_run(job: HydraConf) -> None:
    """Remove a run folder below this one that holds nothing but what Hydra wrote before the run."""
    run_dir = Path(job.runtime.output_dir)
    if Path.cwd() not in run_dir.parents or os.environ.get("LOCAL_RANK", "0") != "0":
        return
    if {path.name for path in run_dir.iterdir()} - {".hydra", "config.yaml", f"{job.job.name}.log"}:
        return
    shutil.rmtree(run_dir)
    for parent in run_dir.parents:
        if parent == Path.cwd() or any(parent.iterdir()):
            break
        parent.rmdir()
