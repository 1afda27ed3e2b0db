"""Check the arguments of every `_target_` in a config against its signature."""

import sys
from collections.abc import Iterable
from inspect import Parameter
from typing import Any

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.config.targets import (
    PACKAGE,
    ArgumentError,
    arguments_of,
    check_arguments,
    check_installed,
    locate,
    parameters_of,
    targets,
)

SUPPLIED = {"trainer": ("callbacks", "logger"), "task": ("model_data_kwargs",)}
"""Arguments that the config does not give, since they are built from other groups."""


def check_targets(values: dict[str, Any]) -> None:
    """Check every `_target_` and the arguments beside it.

    Raises:
        ArgumentError: for the first mistake.
    """
    named = [(group, values[group]) for group in ("trainer", "tokenizer", "task")]
    named += [
        (f"{group}.{n}", v) for group in ("callbacks", "logger") for n, v in values[group].items()
    ]
    for key, value in named:
        if not isinstance(value, dict) or "_target_" not in value:
            raise ArgumentError(
                key, f"{key} names no class: give {key}._target_=<import path>, or leave it out"
            )
    # The task has optimizer and scheduler by interpolation: the user knows them by the group.
    groups = sorted(values.items(), key=lambda item: item[0] == "task")
    found = [target for key, value in groups for target in targets(key, value)]
    for key, mapping in found:
        check_installed(mapping["_target_"], f"{key}._target_")
    checked: list[dict[str, Any]] = []
    for key, mapping in found:
        if key not in ("dataset", "task") and mapping not in checked:
            check_call(key, mapping)
            checked.append(mapping)
    check_task_and_data(values)


def check_call(key: str, mapping: dict[str, Any]) -> None:
    """Check that the target of a mapping takes the arguments in it."""
    function = locate(mapping["_target_"], f"{key}._target_")
    positional = len(mapping.get("_args_", ())) + (key.endswith(("optimizer", "scheduler")))
    if mapping.get("_partial_"):
        positional = sys.maxsize
    check_arguments(
        getattr(function, "__qualname__", mapping["_target_"]),
        parameters_of(function),
        arguments_of(mapping),
        key,
        positional,
        SUPPLIED.get(key, ()),
    )


def check_task_and_data(values: dict[str, Any]) -> None:
    """Check the arguments of the task, of its data module and of the backbone."""
    task = locate(values["task"]["_target_"], "task._target_")
    if head := values["task"].get("downstream_model_type"):
        locate(head, "task.downstream_model_type")
    from lightning_transformers.core import TaskTransformer, TransformerDataModule
    from lightning_transformers.models.backbone import Backbone

    check_arguments("a backbone", parameters_of(Backbone), values["backbone"], "backbone")
    check_hyperparameters(task, TaskTransformer, values["task"], "task")
    target = values["dataset"].get("_target_") or getattr(task, "data_module_type", None)
    if target is None:
        raise ArgumentError("dataset._target_", "the task names no data: give dataset=<option>")
    data = locate(target, "dataset._target_")
    check_hyperparameters(data, TransformerDataModule, values["dataset"], "dataset", positional=1)


def check_hyperparameters(
    cls: Any, root: type, mapping: dict[str, Any], key: str, positional: int = 0
) -> None:
    """Check the arguments of a class whose annotations declare hyperparameters, if it is one."""
    from lightning_transformers.base.hyperparameters import declared_hyperparameters, validated

    given = arguments_of(mapping)
    parameters = parameters_of(cls)
    if isinstance(cls, type) and issubclass(cls, root):
        declared = declared_hyperparameters(cls, root)
        parameters = constructor_parameters(cls, root, declared)
        for name in given.keys() & declared:
            try:
                validated(cls, root, {name: given[name]}, owner=key)
            except ConfigurationError as error:
                raise ArgumentError(f"{key}.{name}", str(error), given[name]) from None
    check_arguments(cls.__qualname__, parameters, given, key, positional, SUPPLIED.get(key, ()))


def constructor_parameters(cls: type, root: type, declared: Iterable[str]) -> list[Parameter]:
    """Return what a class can be constructed with by name, hyperparameters among it.

    Constructors of the package pass what they do not name on to the next, up to that of `root`,
    which takes the hyperparameters. One of the project may do with it what it likes.
    """
    named: list[Parameter] = []
    for base in cls.__mro__[: cls.__mro__.index(root) + 1]:
        if "__init__" not in vars(base):
            continue
        parameters = parameters_of(base)
        passes_on = any(p.kind is Parameter.VAR_KEYWORD for p in parameters)
        if not passes_on or not base.__module__.startswith(PACKAGE):
            return named + parameters
        taken = [p for p in parameters if p.kind is not Parameter.VAR_KEYWORD]
        # What the first constructor does not ask for, it gives to the next by itself.
        named += [p.replace(default=None) for p in taken] if named else taken
    return named + [Parameter(name, Parameter.KEYWORD_ONLY, default=None) for name in declared]
