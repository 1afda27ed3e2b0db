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
"""Arguments that `runs.build` passes, so the config may not set them, by config key."""


def check_targets(values: dict[str, Any]) -> None:
    """Check that every `_target_` of a config exists and accepts the arguments next to it.

    Args:
        values: the resolved config as plain Python, see `checks.resolve`.

    Raises:
        ArgumentError: for the first `_target_` that is missing or not found, package that is not
            installed, unknown or missing argument, or invalid value.
    """
    named = [(group, values[group]) for group in ("trainer", "tokenizer", "task")]
    named += [
        (f"{group}.{n}", v) for group in ("callbacks", "logger") for n, v in values[group].items()
    ]
    for key, value in named:
        if not isinstance(value, dict) or "_target_" not in value:
            raise ArgumentError(
                key, f"{key} has no _target_: set {key}._target_=<import path>, or remove {key}"
            )
    # The task interpolates optimizer and scheduler; report errors under the key of their group.
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
    """Check that the `_target_` of a mapping accepts its arguments.

    Args:
        key: config key of the mapping, such as `optimizer`, for the error message.
        mapping: the `_target_` and its arguments.
    """
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
    """Check the arguments of the task, its data module and its backbone.

    Raises:
        ArgumentError: for the first invalid argument, or a task without a data module.
    """
    task = locate(values["task"]["_target_"], "task._target_")
    if head := values["task"].get("downstream_model_type"):
        locate(head, "task.downstream_model_type")
    from lightning_transformers.core import TaskTransformer, TransformerDataModule
    from lightning_transformers.models.backbone import Backbone

    check_arguments("a backbone", parameters_of(Backbone), values["backbone"], "backbone")
    check_hyperparameters(task, TaskTransformer, values["task"], "task")
    target = values["dataset"].get("_target_") or getattr(task, "data_module_type", None)
    if target is None:
        raise ArgumentError(
            "dataset._target_",
            f"{task.__qualname__} has no data_module_type: give dataset=<option>",
        )
    data = locate(target, "dataset._target_")
    check_hyperparameters(data, TransformerDataModule, values["dataset"], "dataset", positional=1)


def check_hyperparameters(
    cls: Any, root: type, mapping: dict[str, Any], key: str, positional: int = 0
) -> None:
    """Check the arguments of a task or data module, including its declared hyperparameters.

    Args:
        cls: the `_target_`; a function or an unrelated class has no declared hyperparameters.
        root: `TaskTransformer` or `TransformerDataModule`.
        mapping: the config of the group.
        key: config key of the group, for the error message.
        positional: number of positional arguments that the runtime passes.

    Raises:
        ArgumentError: for the first unknown, missing or invalid argument.
    """
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
    """Return the keyword parameters of a constructor, including the declared hyperparameters.

    Follows `**kwargs` along the MRO up to `root`. It stops at a constructor of the project: its
    `**kwargs` need not reach the base class.

    Args:
        cls: the class of a task or data module.
        root: `TaskTransformer` or `TransformerDataModule`.
        declared: names of its hyperparameters, which the constructor of `root` takes.
    """
    named: list[Parameter] = []
    for base in cls.__mro__[: cls.__mro__.index(root) + 1]:
        if "__init__" not in vars(base):
            continue
        parameters = parameters_of(base)
        passes_on = any(p.kind is Parameter.VAR_KEYWORD for p in parameters)
        if not passes_on or not base.__module__.startswith(PACKAGE):
            return named + parameters
        own = [p for p in parameters if p.kind is not Parameter.VAR_KEYWORD]
        # A subclass passes the required parameters of its bases itself.
        named += [p.replace(default=None) for p in own] if named else own
    return named + [Parameter(name, Parameter.KEYWORD_ONLY, default=None) for name in declared]
