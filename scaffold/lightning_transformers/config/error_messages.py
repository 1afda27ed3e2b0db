"""One line for what Hydra, OmegaConf and YAML say about a command line or a config file."""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from traceback import walk_tb
from typing import TypeGuard

import yaml
from hydra.errors import (
    ConfigCompositionException,
    InstantiationException,
    MissingConfigException,
    OverrideParseException,
)
from omegaconf import DictConfig
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, OmegaConfBaseException

from lightning_transformers.base.errors import (
    ConfigurationError,
    did_you_mean,
    first_line,
    suggestion,
)
from lightning_transformers.config.config_tree import file_with, group_names, options_of
from lightning_transformers.config.legacy import hint

LIBRARIES = ("pytorch_lightning", "lightning_fabric", "peft", "torch", "transformers")
"""What these raise when they are called is about the arguments."""
IN_FILE = re.compile(r"In '(?P<file>[^']+)': (?P<rest>.*)", re.DOTALL)
ASIDES = re.compile(r"\n(See http|Config search path:|To append to your).*", re.DOTALL)
PLAIN_WORDS = (
    (
        r"Ambiguous value for argument '(.*?)'\n.*",
        r"\1: commas separate the values of a sweep, for which add -m; a list is [a,b], and a "
        """text with commas '"a,b"'""",
    ),
    (
        r"Could not append to config\. An item is already at '(.*?)'.*",
        r"\1 is in the config already: leave out the plus",
    ),
    (r"Could not delete from config\. '(.*?)' does not exist.*", r"~\1: the config has no \1"),
    (r"Could not delete '(.*?)'\. No match.*", r"~\1: \1 is not chosen"),
    (
        r"Multiple values for (\S+)\. .*",
        r"\1 is chosen twice: in a defaults list write `override /\1: <option>`",
    ),
)
"""What Hydra says, and how it is said here."""
NO_OPTION = re.compile(r"[\w/]+=(null|true|false|[\d.e+-]+)", re.IGNORECASE)
"""Override of a group with a value that YAML reads as something else than a name."""


def mistake_in(error: BaseException | None) -> ConfigurationError | None:
    """Return the user's mistake behind an error of a run, if it is one.

    It is a `ConfigurationError`, however deep Hydra has wrapped it, or what a target of the config
    other than the task said of its arguments.
    """
    cause = error
    while cause is not None and not isinstance(cause, ConfigurationError):
        cause = cause.__cause__
    if cause is not None:
        # A worker of a data loader puts its traceback before the message.
        return ConfigurationError(str(cause).rpartition("ConfigurationError: ")[2].strip())
    if (
        error and type(error).__name__ == "MisconfigurationException"
    ):  # of Lightning, which is slow to import
        return ConfigurationError(first_line(error))
    if isinstance(error, InstantiationException) and _is_refusal(error.__cause__):
        where = re.search(r"full_key: (.+)", str(error)) or re.search(r"'(.+)'", str(error))
        if where and not where[1].startswith("task"):
            return ConfigurationError(f"{where[1]}: {first_line(error.__cause__)}")
    return None


def _is_refusal(error: BaseException | None) -> TypeGuard[BaseException]:
    """Tell whether one of the libraries has raised an error, and not the user's code."""
    if error is None or error.__traceback__ is None:
        return False
    *_, (frame, _) = walk_tb(error.__traceback__)
    return str(frame.f_globals.get("__name__")).partition(".")[0] in LIBRARIES


def explain(error: Exception, typed: Sequence[str], config_dir: Path) -> str:
    """Return one line about an error that composing a config has raised.

    Args:
        error: what Hydra raised.
        typed: the overrides.
        config_dir: the folder of `config.yaml`. Hydra has to be initialized with it.
    """
    match error:
        case ConfigurationError():
            return str(error)
        case OverrideParseException():
            return unreadable(error)
        case MissingConfigException(missing_cfg_file=str() as path):
            return unknown_option(path, str(error), typed, config_dir)
        case ConfigCompositionException(__cause__=ConfigKeyError() | ConfigAttributeError()):
            return unknown_key(error)
        case ConfigCompositionException(__cause__=OmegaConfBaseException() as cause):
            return unreadable_value(cause, typed, config_dir)
        case OmegaConfBaseException():
            return unreadable_value(error, typed, config_dir)
        case yaml.MarkedYAMLError(problem_mark=yaml.Mark() as mark):
            return f"{os.path.relpath(mark.name)}, line {mark.line + 1}: {error.problem}"
        case ValueError():
            for group, _, name in (o.partition("=") for o in typed if NO_OPTION.fullmatch(o)):
                if group in group_names():
                    return no_such_option(group, name)
    return one_line(str(error), config_dir) or type(error).__name__


def unreadable(error: OverrideParseException) -> str:
    """Return the line about an override that breaks Hydra's grammar."""
    key, equals, _ = error.override.partition("=")
    if not equals:
        return f"'{error.override}' sets nothing: write <key>=<value>"
    lines = str(error).splitlines()
    reason = lines[1] if lines[0].startswith("Error parsing") else lines[0]
    return f"cannot read {error.override}: {reason} (a text with signs in it: {key}='\"…\"')"


def unknown_option(path: str, message: str, typed: Sequence[str], config_dir: Path) -> str:
    """Return the line about an option of a group that is not there.

    Args:
        path: group and option, such as `optimizer/admw`.
        message: what Hydra says.
        typed: the overrides.
        config_dir: where to look for the file that asks for it.
    """
    listed = re.search(r"Available options in '(.*)'", message)
    group = listed[1] if listed else path.partition("/")[0]
    name = path.removeprefix(f"{group}/")
    is_typed = any(override.endswith(f"={name}") for override in typed)
    where = "" if is_typed else file_with(name, config_dir, typed)
    return where + no_such_option(group, name)


def no_such_option(group: str, name: str) -> str:
    """Return the line about a name that is no option of a group."""
    override = f"{group}={name}"
    return hint(override) or f"{override}: no such option{did_you_mean(name, options_of(group))}"


def unknown_key(error: ConfigCompositionException) -> str:
    """Return the line about an override of a key that the config does not have."""
    cause = error.__cause__
    assert isinstance(cause, ConfigKeyError | ConfigAttributeError)
    appended = re.search(r"use \+(.*)", str(error))
    override = appended[1] if appended else str(cause.full_key)
    if said := hint(override):
        return said
    node = cause.parent_node
    known = (
        [str(key) for key in node if str(key)[:1] != "_"] if isinstance(node, DictConfig) else []
    )
    name = str(cause.key)
    parent = str(cause.full_key).rpartition(".")[0]
    if parent:
        plus = f" (to add it: +{override})" if appended else ""
        near = suggestion(name, known) or plus
        return f"{override}: {parent} has no key '{name}'{near}"
    if name in group_names():
        return f"{override}: no {name} is chosen{did_you_mean('', options_of(name))}"
    for key in known:
        if isinstance(node[key], DictConfig) and name in node[key]:
            return f"{override}: the config has no key '{name}' (did you mean '{key}.{name}'?)"
    return f"{override}: the config has no key '{name}'{did_you_mean(name, known)}"


def unreadable_value(error: OmegaConfBaseException, typed: Sequence[str], config_dir: Path) -> str:
    """Return the line about an interpolation that cannot be read or worked out."""
    key = str(error.full_key)
    is_typed = any(override.lstrip("+").startswith(f"{key}=") for override in typed)
    text = f"{key.rpartition('.')[2]}: ${{"
    where = "" if is_typed else file_with(text, config_dir, typed)
    return f"{where}{key}: {first_line(error)}"


def one_line(message: str, config_dir: Path) -> str:
    """Return a message of Hydra without its asides, a file in place of the config's name."""
    message = ASIDES.sub("", message)
    if inside := IN_FILE.fullmatch(message):
        file = config_dir / f"{inside['file']}.yaml"
        where = f"{os.path.relpath(file)}: " if file.is_file() else ""
        message = where + inside["rest"]
    if unmatched := re.search(r"Could not override '(\w+)'\. No match", message):
        message += did_you_mean(unmatched[1], group_names())
    for pattern, words in PLAIN_WORDS:
        message = re.sub(pattern, words, message, flags=re.DOTALL)
    return " ".join(message.split())
