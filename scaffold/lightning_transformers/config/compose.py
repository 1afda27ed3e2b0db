"""Compose a config from the overrides of a command line."""

import re
import sys
from argparse import ArgumentError, Namespace
from collections.abc import Sequence
from pathlib import Path

import hydra
from hydra._internal.utils import get_args_parser
from omegaconf import DictConfig

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.config.config_tree import PACKAGED_CONFIGS, keys_in_file

QUOTED_OR_NESTED = re.compile(
    r"\"(\\.|[^\"\\])*\"|'(\\.|[^'\\])*'|\{[^}]*:.*\}|\[\s*\{.*\}\s*\]|\$\{[^{}]*\}|", re.DOTALL
)
"""A value that needs no quotes: a quoted string, a mapping, a list of these, an interpolation."""

NEW_KEYS = ("resume", "output_file")
"""Keys that the config.yaml of an older project does not have."""
HOME_PATH = re.compile(r"(?<![^\[,])~[^,\]]*")
"""A path in the home folder, alone or in a list: the grammar of Hydra has no `~`."""


def normalize_overrides(overrides: Sequence[str]) -> list[str]:
    """Return the overrides with `+task=` rewritten to `task=` and the value of `x` quoted.

    Hydra rejects the plus for a group in the defaults list; both spellings are documented, so both
    work. Quotes protect the commas and apostrophes of a text to predict on.
    """
    return [_normalized(override) for override in overrides]


def _normalized(override: str) -> str:
    key, equals, value = override.partition("=")
    name = key.lstrip("+")
    if name.endswith("_file"):
        value = HOME_PATH.sub(r"'\g<0>'", value)
        override = key + equals + value
    if name not in keys_in_file("config.yaml") or not equals:
        return override
    if name == "x" and not QUOTED_OR_NESTED.fullmatch(value):
        # Inside Hydra's quotes a backslash escapes only a quote, `${` and the end of the string.
        escaped = re.sub(r'(\\*)("|\$\{)', r"\1\1\\\2", value)
        doubled = value[len(value.rstrip("\\")) :]
        value = f'"{escaped}{doubled}"'
    return f"{'++' if name in NEW_KEYS else ''}{name}={value}"


def parse_flags(arguments: Sequence[str]) -> Namespace:
    """Return Hydra's flags, with the overrides as `overrides`.

    Raises:
        ConfigurationError: for an unknown flag or an invalid value of a flag.
    """
    parser = get_args_parser()
    parser.exit_on_error = False
    try:
        flags, unknown = parser.parse_known_intermixed_args(arguments)
    except ArgumentError as error:
        raise ConfigurationError(f"{error}: see --hydra-help") from error
    if unknown:
        setting = unknown[0].lstrip("-").partition("=")[0]
        raise ConfigurationError(f"unknown flag {unknown[0]}: set a key with {setting}=<value>")
    return flags


def find_config_dir(script: str | None) -> Path:
    """Return the folder of `config.yaml` and add the project root to `sys.path`.

    Args:
        script: path of the calling script; None: look in the working directory.
    """
    project = Path(script).resolve().parent if script else Path.cwd()
    if not (project / "conf" / "config.yaml").is_file():
        return PACKAGED_CONFIGS
    if str(project) not in sys.path:
        sys.path.append(str(project))
    return project / "conf"


def compose(overrides: Sequence[str], config_dir: Path = PACKAGED_CONFIGS) -> DictConfig:
    """Return the config of a command line without running it.

    `hydra:` interpolations have no value outside a run: override `training.run_dir`.

    Args:
        overrides: as on the command line, such as `task=nlp/translation`.
        config_dir: the folder of `config.yaml`.
    """
    with hydra.initialize_config_dir(str(config_dir.resolve()), version_base="1.3"):
        return hydra.compose("config", overrides=normalize_overrides(overrides))
