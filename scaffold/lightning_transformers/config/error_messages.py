"""One-line messages for the errors that Hydra, OmegaConf and YAML raise on invalid configs."""

import os
import re
from collections.abc import Sequence
from pathlib import Path

import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import (
    ConfigCompositionException,
    MissingConfigException,
    OverrideParseException,
)
from omegaconf import DictConfig
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, OmegaConfBaseException

from lightning_transformers.base.errors import (
    ConfigurationError,
    did_you_mean,
    disk_full,
    first_line,
    suggestion,
)
from lightning_transformers.config.config_tree import group_names, in_file_with, options_of
from lightning_transformers.config.legacy import legacy_hint

IN_FILE = re.compile(r"In '(?P<file>[^']+)': (?P<rest>.*)", re.DOTALL)
"""How Hydra names the file with a mistake."""
NO_METRIC = "Early stopping conditioned on metric"
"""Start of Lightning's message about an unknown metric."""


def user_error(error: BaseException | None) -> ConfigurationError | None:
    """Return the user error that caused an exception, or None for any other cause.

    A user error is a `ConfigurationError` anywhere in the chain of causes, a
    MisconfigurationException of Lightning, an unknown metric of early stopping, or a full disk.
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
    return None


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
            return unknown_option(path, typed, config_dir)
        case ConfigCompositionException(__cause__=OmegaConfBaseException() as cause):
            if isinstance(cause, ConfigKeyError | ConfigAttributeError):
                return unknown_key(cause, typed)
            return invalid_interpolation(cause, typed, config_dir)
        case OmegaConfBaseException():
            return invalid_interpolation(error, typed, config_dir)
        case yaml.MarkedYAMLError(problem_mark=yaml.Mark() as mark):
            return f"{os.path.relpath(mark.name)}, line {mark.line + 1}: {error.problem}"
    overrides = OverridesParser.create().parse_overrides([*typed])
    wrong = (wrong_override(override, error) for override in overrides)
    line = next(filter(None, wrong), None) or one_line(str(error), config_dir)
    return line or type(error).__name__


def wrong_override(override: Override, error: Exception) -> str | None:
    """Return the message for an override that cannot be applied, or None for another mistake.

    Args:
        override: an override of the command line.
        error: the error of Hydra, which quotes the override at fault; a ValueError quotes none.
    """
    key, typed = override.key_or_group, override.input_line
    if isinstance(error, ValueError) and not isinstance(override.value(), str | list):
        return no_such_option(key, override.get_value_string()) if key in group_names() else None
    if f"'{key}" not in str(error):
        return None
    if override.is_sweep_override():
        return (
            f"{typed}: commas separate the values of a sweep: add -m, or write a list as [a,b] and "
            """a text as '"a,b"'"""
        )
    if override.is_delete():
        named = (typed or "").lstrip("~")
        missing = f"{named} is not chosen" if "=" in named else f"the config has no key {key}"
        return f"{typed}: {missing}"
    return f"{key} is already in the config: remove the plus" if override.is_add() else None


def invalid_override(error: OverrideParseException) -> str:
    """Return the message for an override that Hydra cannot parse: no `=`, or special characters."""
    key, equals, _ = error.override.partition("=")
    if not equals:
        return f"'{error.override}' is not an override: write <key>=<value>"
    lines = str(error).splitlines()
    reason = lines[1] if lines[0].startswith("Error parsing") else lines[0]
    return f"cannot parse {error.override}: {reason} (quote special characters: {key}='\"…\"')"


def unknown_option(path: str, typed: Sequence[str], config_dir: Path) -> str:
    """Return the message for an unknown option of a group.

    Args:
        path: group and option, such as `optimizer/admw`.
        typed: the overrides of the command line.
        config_dir: the folder in which to find the file that chooses the option.
    """
    group, _, name = path.partition("/")
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


def unknown_key(cause: ConfigKeyError | ConfigAttributeError, typed: Sequence[str]) -> str:
    """Return the message for an override of an unknown key.

    Args:
        cause: the error of OmegaConf, which has the key and its parent.
        typed: the overrides of the command line.
    """
    # The parent of the key may be null.
    below = f"{cause.full_key}."
    written = (word for word in typed if f"{word.partition('=')[0]}.".startswith(below))
    appended = next(written, None)
    override = appended or str(cause.full_key)
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
    """Return the first line of Hydra's message, with the path of the file that it names.

    Args:
        message: the message.
        config_dir: the folder of `config.yaml`, to which the file in a message is relative.
    """
    where = ""
    if inside := IN_FILE.fullmatch(message):
        file = config_dir / f"{inside['file']}.yaml"
        where = f"{os.path.relpath(file)}: " if file.is_file() else ""
        message = inside["rest"]
    if of_task := re.search(r"'(\w+)@task\.\w+'", message):
        override = f"/{of_task[1]}@_global_.{of_task[1]}"
        return (
            f"{where}write `override {override}: <option>`, since a task's file has the package "
            "task"
        )
    fact = " ".join(message.partition("See http")[0].partition("\n\n")[0].split())
    names = set(re.findall(r"'(\w+)'", fact)) - {*group_names()}
    return where + fact + "".join(did_you_mean(name, group_names()) for name in [*names][:1])
