"""The text of `--help`, and of `--help <key>`."""

import json
from collections.abc import Sequence
from textwrap import fill

from omegaconf import DictConfig

from lightning_transformers.base.errors import ConfigurationError, did_you_mean
from lightning_transformers.base.value_types import in_words
from lightning_transformers.config.config_tree import group_names, options_of, value_at
from lightning_transformers.config.provenance import origins
from lightning_transformers.config.schema.check import description_at, supplied_arguments
from lightning_transformers.config.schema.signatures import Argument, Target

WIDTH = 100
FLAGS = (
    ("-m, --multirun", "start one run per comma-separated value: optimizer.lr=1e-5,1e-4"),
    ("--help <key>", "explain a key or a group, such as optimizer.lr or trainer"),
    ("--cfg job", "print the config and exit; add --resolve to resolve interpolations"),
    ("--hydra-help", "show the help of Hydra, which composes the config"),
)


def help_text(command: str, examples: Sequence[str]) -> str:
    """Return the help of a command; Hydra must be initialized.

    Args:
        command: the command, such as `python train.py`.
        examples: arguments of example command lines.
    """
    flags = "\n".join(f"  {flag:<16}{meaning}" for flag, meaning in FLAGS)
    groups = "\n".join(_group(name) for name in group_names())
    shown = "\n".join(f"  {command} {example}" for example in examples)
    return (
        f"usage: {command} +task=<task> [<group>=<option> ...] [<key>=<value> ...]\n\n"
        f"Examples:\n{shown}\n\n"
        f"Groups and their options, from this project and the package:\n{groups}\n\n"
        f"Flags:\n{flags}"
    )


def _group(name: str) -> str:
    indent = " " * 14
    return fill(
        ", ".join(options_of(name)), WIDTH, initial_indent=f"  {name:<12}", subsequent_indent=indent
    )


def key_help(key: str, config: DictConfig) -> str:
    """Return the help of a key, or of all keys of a group.

    Args:
        key: dotted key, such as `optimizer.lr` or `trainer`.
        config: the composed config of a Hydra run.

    Raises:
        ConfigurationError: for an unknown key.
    """
    if found := description_at(config, key):
        path, target = found
        lines = [f"{key}: {path}", target.meaning, ""]
        for name, argument in target.arguments.items():
            if name not in supplied_arguments(key, target):
                set_to = f" = {_shown(value_at(config, f'{key}.{name}'))}"
                words = in_words(argument.type, argument.bounds)
                lines += [f"  {name}{set_to.replace(' = null', '')}  ({words})"]
                lines += [f"      {argument.meaning}"] if argument.meaning else []
        return "\n".join(lines)
    holder, _, name = key.rpartition(".")
    path, target = description_at(config, holder) or ("", Target(name=""))
    if name not in target.arguments and not target.is_open:
        known = target.arguments if path else map(str, config)
        raise ConfigurationError(f"'{key}' is not a known key{did_you_mean(name, known)}")
    argument = target.arguments.get(name, Argument())
    file = origins(config).get(key)
    facts = {
        "value": _shown(value_at(config, key)) if file else f"not set: +{key}=<value>",
        "set in": file,
        "default": "none" if argument.required else _shown(argument.default),
        "taken by": path,
    }
    lines = [f"{key}: {in_words(argument.type, argument.bounds)}", argument.meaning, ""]
    return "\n".join(lines + [f"  {n:<10}{v}" for n, v in facts.items() if v is not None])


def _shown(value: object) -> str:
    """Return a value as YAML has it on one line."""
    return value if isinstance(value, str) else json.dumps(value)
