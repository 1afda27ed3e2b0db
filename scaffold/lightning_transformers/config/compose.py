"""From overrides on a command line to a composed config."""

import re
import sys
from argparse import ArgumentError, Namespace
from collections.abc import Sequence
from pathlib import Path

import hydra
from hydra._internal.utils import get_args_parser
from omegaconf import DictConfig

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.config.config_tree import PACKAGED_CONFIGS, names_of

QUOTED_OR_NESTED = re.compile(r"\"(\\.|[^\"\\])*\"|'(\\.|[^'\\])*'|\{.*\}|\[.*\]|", re.DOTALL)
"""A value that Hydra reads as it stands; `{…}` is a mapping, as question answering takes it."""


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
    if name not in names_of("config.yaml") or not equals:
        return override
    if name == "x" and not QUOTED_OR_NESTED.fullmatch(value):
        # In Hydra's quotes a backslash is itself, except before a quote and at the end.
        escaped = re.sub(r'(\\*)"', r'\1\1\\"', value)
        doubled = value[len(value.rstrip("\\")) :]
        value = f'"{escaped}{doubled}"'
    # A project keeps the config.yaml of its templates' version, which may lack the key.
    return f"++{name}={value}" if name == "resume" else f"{name}={value}"


def parse_flags(arguments: Sequence[str]) -> Namespace:
    """Return the flags of Hydra on a command line.

    Raises:
        ConfigurationError: for one that Hydra does not know, or a value that it does not take.
    """
    parser = get_args_parser()
    parser.exit_on_error = False
    try:
        flags, unknown = parser.parse_known_intermixed_args(arguments)
    except ArgumentError as error:
        raise ConfigurationError(str(error)) from error
    if unknown:
        setting = unknown[0].lstrip("-").partition("=")[0]
        raise ConfigurationError(f"no flag {unknown[0]}: settings are given as {setting}=<value>")
    return flags


def find_config_dir(script: str | None) -> Path:
    """Return the folder of `config.yaml`, and make the code beside it importable."""
    project = Path(script).resolve().parent if script else Path.cwd()
    if not (project / "conf" / "config.yaml").is_file():
        return PACKAGED_CONFIGS
    if str(project) not in sys.path:
        sys.path.append(str(project))
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
