"""Compose a config from the overrides of a command line."""

import re
import sys
from argparse import Action, ArgumentError, ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import hydra
from hydra._internal import utils
from omegaconf import DictConfig

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.config.config_tree import PACKAGED_CONFIGS, keys_in_file
from lightning_transformers.config.schema.training_arguments import KEYS

QUOTED_OR_NESTED = re.compile(
    r"\"(\\.|[^\"\\])*\"|'(\\.|[^'\\])*'|\{[^}]*:.*\}|\[\s*\{.*\}\s*\]|\$\{[^{}]*\}|", re.DOTALL
)
"""A value that needs no quotes: a quoted string, a mapping, a list of these, an interpolation."""

HOME_PATH = re.compile(r"(?<![^\[,])~[^,\]]*")
"""A path in the home folder, alone or in a list: the grammar of Hydra has no `~`."""

PLAIN = re.compile(r"null|[\w./~:+-]*|(\"|\').*|\$\{.*", re.DOTALL)
"""A path that needs no quotes: plain characters, a quoted string, an interpolation."""


def normalize_overrides(overrides: Sequence[str], config_dir: Path = PACKAGED_CONFIGS) -> list[str]:
    """Return the overrides in a form that Hydra's grammar accepts.

    The `+` before a key of `config.yaml`, as in `+task=`, is removed: Hydra rejects it for a group
    in the defaults list, and both spellings are documented. Quotes protect the commas and
    apostrophes of a text to predict on, and spaces, equal signs and `~` of paths.

    Args:
        overrides: as typed.
        config_dir: the folder of `config.yaml`, which may lack keys of newer templates.
    """
    known, own = (keys_in_file(d / "config.yaml") for d in (PACKAGED_CONFIGS, config_dir))
    return [_normalized(override, known, own) for override in overrides]


def _normalized(override: str, known: frozenset[str], own: frozenset[str]) -> str:
    """Return an override as Hydra takes it.

    Args:
        override: as typed.
        known: top-level keys and groups of the packaged `config.yaml`.
        own: those of the project's, which may be older.
    """
    key, equals, value = override.partition("=")
    name = key.lstrip("+")
    top = name.partition(".")[0]
    if name.endswith("_file"):
        value = HOME_PATH.sub(r"'\g<0>'", value)
        override = key + equals + value
    if top == "repeat" and top not in own:
        return f"++{name}={value}"
    if name not in known or not equals:
        return override
    if name == "x" and not QUOTED_OR_NESTED.fullmatch(value):
        value = quoted(value)
    if name in ("checkpoint_path", "export_dir"):
        value = ",".join(p if PLAIN.fullmatch(p) else quoted(p) for p in value.split(","))
    if name in ("callbacks", "logger") and value == "[]":
        value = "none"
    is_group = (PACKAGED_CONFIGS / name).is_dir()
    plus = "" if name in own else "+" if is_group else "++"
    return f"{plus}{name}={value}"


def quoted(text: str) -> str:
    """Return a text, which may contain anything, as a value of an override."""
    # Inside Hydra's quotes a backslash escapes only a quote, `${` and the end of the string.
    escaped = re.sub(r'(\\*)("|\$\{)', r"\1\1\\\2", text)
    doubled = text[len(text.rstrip("\\")) :]
    return f'"{escaped}{doubled}"'


def parse_flags(arguments: Sequence[str]) -> Namespace:
    """Return Hydra's flags, with the overrides as `overrides`.

    Raises:
        ConfigurationError: for an unknown flag or an invalid value of a flag.
    """
    parser = hydra_parser()
    parser.exit_on_error = False
    try:
        flags, unknown = parser.parse_known_intermixed_args(arguments)
    except ArgumentError as error:
        raise ConfigurationError(f"{error}: see --hydra-help") from error
    if unknown:
        name = unknown[0].lstrip("-").partition("=")[0]
        key = KEYS.get(name.replace("-", "_"), name)
        setting = key if "=" in key else f"{key}=<value>"
        raise ConfigurationError(f"unknown flag {unknown[0]}: set a key with {setting}")
    return flags


class LateHelpParser(ArgumentParser):
    """A parser that takes a lazy help, as Hydra 1.3 has one.

    From Python 3.14 on, argparse formats a help when it is added, and refuses one that is not text.
    """

    def add_argument(self, *names: str, help: str | None = None, **options: Any) -> Action:
        """Add an argument without help, and set its help afterwards."""
        action = super().add_argument(*names, **options)
        action.help = help
        return action


def hydra_parser() -> ArgumentParser:
    """Return Hydra's parser of a command line."""
    with replaced(utils, "argparse", SimpleNamespace(ArgumentParser=LateHelpParser)):
        return utils.get_args_parser()


@contextmanager
def replaced(owner: object, name: str, value: object) -> Iterator[None]:
    """Replace an attribute; `unittest.mock` would, too, and takes 50 ms to import."""
    former = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, former)


def find_config_dir(script: str | None) -> Path:
    """Return the folder of `config.yaml`.

    Args:
        script: path of the calling script; None: look in the working directory.

    Returns:
        `conf` in that folder; if it has no `config.yaml`, the configs of the package.
    """
    project = Path(script).resolve().parent if script else Path.cwd()
    is_project = (project / "conf" / "config.yaml").is_file()
    return project / "conf" if is_project else PACKAGED_CONFIGS


def enable_project_imports(config_dir: Path) -> None:
    """Append the root of a project to `sys.path`.

    Args:
        config_dir: the folder of `config.yaml`; that of the package has no effect.
    """
    project = str(config_dir.parent)
    if config_dir != PACKAGED_CONFIGS and project not in sys.path:
        sys.path.append(project)


def compose(overrides: Sequence[str], config_dir: Path = PACKAGED_CONFIGS) -> DictConfig:
    """Return the config of a command line without running it.

    `hydra:` interpolations have no value outside a run: override `training.run_dir`. Errors of
    Hydra, such as that for an unknown key, propagate.

    Args:
        overrides: as on the command line, such as `task=nlp/translation`.
        config_dir: the folder of `config.yaml`.
    """
    with hydra.initialize_config_dir(str(config_dir.resolve()), version_base="1.3"):
        return hydra.compose("config", overrides=normalize_overrides(overrides, config_dir))
