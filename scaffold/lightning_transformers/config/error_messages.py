"""One-line messages for the errors that Hydra, OmegaConf and YAML raise on invalid configs."""

import os
import re
from collections.abc import Sequence
from errno import ENOSPC
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
    causes,
    did_you_mean,
    disk_full,
    first_line,
    suggestion,
)
from lightning_transformers.config.config_tree import group_names, in_file_with, options_of
from lightning_transformers.config.legacy import legacy_hint

LIBRARIES = ("pytorch_lightning", "lightning_fabric", "peft", "torch", "transformers")
"""An error that one of these raises in a constructor concerns the arguments in the config."""
IN_FILE = re.compile(r"In '(?P<file>[^']+)': (?P<rest>.*)", re.DOTALL)
HYDRA_HINTS = re.compile(r"\n(See http|Config search path:|To append to your).*", re.DOTALL)
REWRITES = (
    (
        r"Ambiguous value for argument '(.*?)'\n.*",
        r"\1: commas separate the values of a sweep: add -m, or write a list as [a,b] and a "
        """text as '"a,b"'""",
    ),
    (
        r"Could not append to config\. An item is already at '(.*?)'.*",
        r"\1 is already in the config: remove the plus",
    ),
    (r"Could not delete from config\. '(.*?)' does not exist.*", r"~\1: the config has no key \1"),
    (
        r"Could not override '(\w+)@task\.\w+'.*",
        r"write `override /\1@_global_.\1: <option>`, since a task's file has the package task",
    ),
    (r"Could not delete '(.*?)'\. No match.*", r"~\1: \1 is not chosen"),
    (
        r"Multiple values for (\S+)\. .*",
        r"\1 is chosen twice: write `override /\1: <option>` in the defaults list",
    ),
)
"""Patterns of Hydra's messages, and their replacements."""
NO_METRIC = "Early stopping conditioned on metric"
"""Start of Lightning's message about an unknown metric."""
NON_STRING_OPTION = re.compile(r"[\w/]+=(null|true|false|[\d.e+-]+)", re.IGNORECASE)
"""Override of a group with a value that YAML parses as null, a boolean or a number."""


def user_error(error: BaseException | None) -> ConfigurationError | None:
    """Return the user error that caused an exception, or None for any other cause.

    A user error is a `ConfigurationError` anywhere in the chain of causes, a
    MisconfigurationException of Lightning, an unknown metric of early stopping, a full disk, or an
    error that a library raises for the arguments of a `_target_` other than the task.
    """
    cause = error
    while cause is not None and not isinstance(cause, ConfigurationError):
        cause = cause.__cause__
    if cause is not None:
        # A dataloader worker prepends its traceback to the message.
        return ConfigurationError(str(cause).rpartition("ConfigurationError: ")[2].strip())
    if isinstance(error, Exception) and (line := disk_full(error)):
        return ConfigurationError(line)
    # By name, since importing Lightning is slow.
    if type(error).__name__ == "MisconfigurationException" or str(error).startswith(NO_METRIC):
        assert error is not None
        return ConfigurationError(first_line(error))
    if isinstance(error, InstantiationException) and _is_raised_by_library(error.__cause__):
        where = re.search(r"full_key: (.+)", str(error)) or re.search(r"'(.+)'", str(error))
        if where and not where[1].startswith("task"):
            return ConfigurationError(f"{where[1]}: {first_line(error.__cause__)}")
    for each in causes(error):
        if isinstance(each, OSError) and each.errno == ENOSPC:
            return ConfigurationError(
                f"the disk is full: {first_line(each)}; free space, or move the caches: "
                "HF_HOME=<folder>, dataset.cache_dir=<folder>"
            )
    return None


def _is_raised_by_library(error: BaseException | None) -> TypeGuard[BaseException]:
    """Return whether a library raised the error, not the user's code."""
    if error is None or error.__traceback__ is None:
        return False
    *_, (frame, _) = walk_tb(error.__traceback__)
    return str(frame.f_globals.get("__name__")).partition(".")[0] in LIBRARIES


def explain(error: Exception, typed: Sequence[str], config_dir: Path) -> str:
    """Return the one-line message for an error that composing a config raised.

    Args:
        error: the error.
        typed: the overrides of the command line.
        config_dir: the folder of `config.yaml`, with which Hydra must be initialized.
    """
    match error:
        case ConfigurationError():
            return str(error)
        case OverrideParseException():
            return invalid_override(error)
        case MissingConfigException(missing_cfg_file=str() as path):
            return unknown_option(path, str(error), typed, config_dir)
        case ConfigCompositionException(__cause__=ConfigKeyError() | ConfigAttributeError()):
            return unknown_key(error)
        case ConfigCompositionException(__cause__=OmegaConfBaseException() as cause):
            return invalid_interpolation(cause, typed, config_dir)
        case OmegaConfBaseException():
            return invalid_interpolation(error, typed, config_dir)
        case yaml.MarkedYAMLError(problem_mark=yaml.Mark() as mark):
            return f"{os.path.relpath(mark.name)}, line {mark.line + 1}: {error.problem}"
        case ValueError():
            for group, _, name in (
                o.partition("=") for o in typed if NON_STRING_OPTION.fullmatch(o)
            ):
                if group in group_names():
                    return no_such_option(group, name)
    return one_line(str(error), config_dir) or type(error).__name__


def invalid_override(error: OverrideParseException) -> str:
    """Return the message for an override that Hydra cannot parse: no `=`, or special characters."""
    key, equals, _ = error.override.partition("=")
    if not equals:
        return f"'{error.override}' is not an override: write <key>=<value>"
    lines = str(error).splitlines()
    reason = lines[1] if lines[0].startswith("Error parsing") else lines[0]
    return f"cannot parse {error.override}: {reason} (quote special characters: {key}='\"…\"')"


def unknown_option(path: str, message: str, typed: Sequence[str], config_dir: Path) -> str:
    """Return the message for an unknown option of a group.

    Args:
        path: group and option, such as `optimizer/admw`.
        message: Hydra's message.
        typed: the overrides of the command line.
        config_dir: the folder in which to find the file that chooses the option.
    """
    listed = re.search(r"Available options in '(.*)'", message)
    group = listed[1] if listed else path.partition("/")[0]
    name = path.removeprefix(f"{group}/")
    on_command_line = any(override.endswith(f"={name}") for override in typed)
    where = "" if on_command_line else in_file_with(name, config_dir, typed)
    return where + no_such_option(group, name)


def no_such_option(group: str, name: str) -> str:
    """Return the message for an unknown option, with its replacement or the nearest known one.

    Args:
        group: an existing group, such as `optimizer`.
        name: the option that does not exist.
    """
    override = f"{group}={name}"
    return (
        legacy_hint(override)
        or f"{override}: no such option{did_you_mean(name, options_of(group))}"
    )


def unknown_key(error: ConfigCompositionException) -> str:
    """Return the message for an override of an unknown key.

    Args:
        error: the error of Hydra, caused by one of OmegaConf that has the key and its parent.
    """
    cause = error.__cause__
    assert isinstance(cause, ConfigKeyError | ConfigAttributeError)
    appended = re.search(r"use \+(.*)", str(error))
    override = appended[1] if appended else str(cause.full_key)
    if message := legacy_hint(override):
        return message
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
        return f"{override}: no option of {name} is chosen{did_you_mean('', options_of(name))}"
    for key in known:
        if isinstance(node[key], DictConfig) and name in node[key]:
            return f"{override}: the config has no key '{name}' (did you mean '{key}.{name}'?)"
    return f"{override}: the config has no key '{name}'{did_you_mean(name, known)}"


def invalid_interpolation(
    error: OmegaConfBaseException, typed: Sequence[str], config_dir: Path
) -> str:
    """Return the message for an interpolation that cannot be parsed or resolved.

    Args:
        error: the error, which has the key of the interpolation.
        typed: the overrides of the command line.
        config_dir: the folder in which to find the file with the interpolation.
    """
    key = str(error.full_key)
    on_command_line = any(override.lstrip("+").startswith(f"{key}=") for override in typed)
    text = f"{key.rpartition('.')[2]}: ${{"
    where = "" if on_command_line else in_file_with(text, config_dir, typed)
    return f"{where}{key}: {first_line(error)}"


def one_line(message: str, config_dir: Path) -> str:
    """Return Hydra's message on one line, in the words of `REWRITES` and without Hydra's hints.

    Args:
        message: the message.
        config_dir: the folder of `config.yaml`, to which the file in a message is relative.
    """
    message = HYDRA_HINTS.sub("", message)
    if inside := IN_FILE.fullmatch(message):
        file = config_dir / f"{inside['file']}.yaml"
        where = f"{os.path.relpath(file)}: " if file.is_file() else ""
        message = where + inside["rest"]
    if unmatched := re.search(r"Could not override '(\w+)'\. No match", message):
        message += did_you_mean(unmatched[1], group_names())
    for pattern, words in REWRITES:
        message = re.sub(pattern, words, message, flags=re.DOTALL)
    return " ".join(message.split())
