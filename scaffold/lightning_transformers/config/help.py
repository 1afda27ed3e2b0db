"""The text of `--help`."""

from collections.abc import Sequence
from textwrap import fill

from lightning_transformers.config.config_tree import group_names, options_of

WIDTH = 100
FLAGS = (
    ("-m, --multirun", "start one run per comma-separated value: optimizer.lr=1e-5,1e-4"),
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
