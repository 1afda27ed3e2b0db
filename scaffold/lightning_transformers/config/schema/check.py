"""Check every `_target_` of a config, and the arguments next to it, against the schema."""

from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from packaging.requirements import Requirement
from pydantic import TypeAdapter

from lightning_transformers.base.errors import ConfigurationError, did_you_mean
from lightning_transformers.base.value_types import checked
from lightning_transformers.config.config_tree import PACKAGED_CONFIGS
from lightning_transformers.config.schema.keys import Cluster, Repeat, TopLevel, Training
from lightning_transformers.config.schema.signatures import Argument, Target, describe
from lightning_transformers.config.schema.training_arguments import present_key
from lightning_transformers.config.targets import (
    ArgumentError,
    arguments_of,
    check_installed,
    locate,
    targets,
)

BACKBONE = "lightning_transformers.models.backbone.Backbone"
GIVE_TASK = "give +task=<task>, such as +task=nlp/language_modeling"
SHIPPED = Path(__file__).with_name("targets.json")
SUPPLIED = {
    "dataset": ("processor", "tokenizer"),
    "task": ("model_data_kwargs",),
    "trainer": ("callbacks", "logger"),
}
"""Arguments that `runs.build` passes by name, by config key."""
INSTANTIATION = {
    "_target_": Argument(type="str"),
    "_args_": Argument(type="list[Any]"),
    "_partial_": Argument(type="bool"),
    "_recursive_": Argument(type="bool"),
    "_convert_": Argument(type="Literal['none', 'partial', 'object', 'all']"),
}
"""The keys with which Hydra instantiates a mapping."""
OF_SETTINGS = {"_recursive_": Argument(type="Literal[False]")}
"""The same of a class that takes settings, and instantiates them itself."""
Fitted = Iterator[tuple[str, object]]
"""Dotted keys, and their values as the type demands: 123 as a text, 1e4 as an integer."""


@cache
def shipped_targets() -> dict[str, Target]:
    """Return the descriptions of classes and functions that the packaged configs name, by path."""
    return TypeAdapter(dict[str, Target]).validate_json(SHIPPED.read_bytes())


@cache
def packaged_heads() -> set[str]:
    """Return the import paths of the Auto classes that the packaged tasks name."""
    architectures = OmegaConf.load(PACKAGED_CONFIGS / "tiny/architectures.yaml")
    return {f"transformers.{name}" for name in OmegaConf.select(architectures, "transformers")}


def described(target: str, key: str) -> Target:
    """Return the description of a `_target_`, which is imported if the package does not ship it.

    Args:
        target: the import path.
        key: dotted config key of the mapping, for the error message.
    """
    return shipped_targets().get(target) or describe(locate(target, f"{key}._target_"))


def description_at(config: DictConfig, key: str) -> tuple[str, Target] | None:
    """Return the import path and description of the class that takes the keys of a mapping.

    Args:
        config: the composed config.
        key: dotted key of the mapping, empty for the top level.

    Raises:
        ConfigurationError: for the dataset of a config without a task.
    """
    known = {"": TopLevel, "cluster": Cluster, "repeat": Repeat, "training": Training}
    if key in known:
        return "lightning_transformers", describe(known[key])
    node = OmegaConf.select(config, key)
    target = node.get("_target_") if isinstance(node, DictConfig) else None
    if key == "backbone":
        target = BACKBONE
    elif key == "dataset" and target is None:
        if config.get("task") is None:
            raise ConfigurationError(f"no task: {GIVE_TASK}")
        target = data_module_of(config.task._target_)
    return (target, described(target, key)) if target else None


def check_targets(values: Mapping[str, Any]) -> Fitted:
    """Check that every `_target_` of a config exists and accepts the arguments next to it.

    The shipped descriptions are used first, and only then anything is imported.

    Args:
        values: the resolved config as plain Python, see `checks.resolve`.

    Yields:
        The values that need another type.

    Raises:
        ArgumentError: for the first `_target_` that is missing or not found, package that is not
            installed, unknown or missing argument, or invalid value.
    """
    named = [(group, values[group]) for group in ("trainer", "tokenizer", "task")]
    for group in ("optimizer", "scheduler", "peft"):
        copies = {group: values.get(group), f"task.{group}": values["task"].get(group)}
        named += [(key, value) for key, value in copies.items() if value]
    named += [
        (f"{group}.{n}", v) for group in ("callbacks", "logger") for n, v in values[group].items()
    ]
    for key, value in named:
        if not isinstance(value, dict) or not value.get("_target_"):
            raise ArgumentError(
                key, f"{key} has no _target_: set {key}._target_=<import path>, or remove {key}"
            )
    yield from check_values("", values, describe(TopLevel).arguments)
    for group, keys in (("cluster", Cluster), ("repeat", Repeat), ("training", Training)):
        yield from check_values(group, values.get(group) or {}, describe(keys).arguments)
    of_groups = {f"{g}.backbone": values[g].get("backbone") for g in ("task", "tokenizer")}
    for key, value in ({"backbone": values["backbone"]} | of_groups).items():
        if isinstance(value, dict) and (key == "backbone" or value != values["backbone"]):
            yield from check_arguments(key, value, shipped_targets()[BACKBONE])
    # The task interpolates optimizer and scheduler; report errors under the key of their group.
    groups = sorted(values.items(), key=lambda item: item[0] == "task")
    found = [target for key, value in groups for target in targets(key, value)]
    for key, mapping in found:
        own = OF_SETTINGS if key in ("task", "tokenizer") else {}
        yield from check_values(key, mapping, INSTANTIATION | own)
        mapping["_target_"] = str(mapping["_target_"])
        check_installed(mapping["_target_"], f"{key}._target_")
    found.sort(key=lambda item: item[1]["_target_"] not in shipped_targets())
    equal: list[dict[str, Any]] = []
    for key, mapping in found:
        if mapping not in equal:
            yield from check_arguments(key, mapping, described(mapping["_target_"], key))
            equal.append(mapping)
    if values["task"]["_target_"] not in shipped_targets():
        locate(values["task"]["_target_"], "task._target_")
    head = values["task"].get("downstream_model_type")
    if head and str(head) not in packaged_heads():
        locate(head, "task.downstream_model_type")
    if values["dataset"].get("_target_") is None:
        target = data_module_of(values["task"]["_target_"])
        yield from check_arguments("dataset", values["dataset"], described(target, "dataset"))


def data_module_of(task: str) -> str:
    """Return the import path of the data module that a task trains on by default.

    Args:
        task: the import path of the task.

    Raises:
        ArgumentError: if it has none.
    """
    target = getattr(locate(task, "task._target_"), "data_module_type", None)
    if target is None:
        raise ArgumentError(
            "dataset._target_", f"{task} has no data_module_type: give dataset=<option>"
        )
    return str(target)


def supplied_arguments(key: str, target: Target) -> set[str]:
    """Return the names of the arguments that the runtime passes, so the config may not set them.

    Args:
        key: dotted config key of the mapping.
        target: what takes its arguments.
    """
    # The parameters, the optimizer or the tokenizer come first.
    first = key.rpartition(".")[2] in ("optimizer", "scheduler", "dataset")
    return {*SUPPLIED.get(key, ()), *[*target.arguments][:first]}


def check_arguments(key: str, mapping: Mapping[str, Any], target: Target) -> Fitted:
    """Check the arguments in a mapping.

    Args:
        key: dotted config key of the mapping.
        mapping: the arguments, and Hydra's keys such as `_target_`.
        target: what takes them.

    Yields:
        The values that need another type.

    Raises:
        ArgumentError: for the first unknown, missing or invalid argument.
    """
    given, supplied = arguments_of(mapping), supplied_arguments(key, target)
    for name, value in given.items():
        where = f"{key}.{name}"
        if name in supplied:
            raise ArgumentError(
                where, f"{where} is set by the runtime, not in the config: remove it", value
            )
        if name not in target.arguments and not target.is_open:
            known = target.arguments.keys() - supplied
            hint = present_key(name) or did_you_mean(name, known)
            message = f"{where}: {target.name} has no argument '{name}'{hint}"
            raise ArgumentError(where, message, value)
        if name in target.arguments and (needed := target.arguments[name].requirement):
            check_release(where, value, Requirement(needed))
    yield from check_values(key, given, target.arguments)
    for name, argument in [*target.arguments.items()][len(mapping.get("_args_", ())) :]:
        if argument.required and not {name, "_partial_"} & (mapping.keys() | supplied):
            where = f"{key}.{name}"
            raise ArgumentError(where, f"{target.name} requires '{name}': set +{where}=<value>")


def check_release(key: str, value: object, requirement: Requirement) -> None:
    """Check that the installed release of a library has an argument.

    Args:
        key: dotted config key of the argument.
        value: its value.
        requirement: the releases that have it.

    Raises:
        ArgumentError: if another one is installed.
    """
    installed = version(requirement.name)
    if not requirement.specifier.contains(installed, prereleases=True):
        raise ArgumentError(
            key,
            f"{key} needs {requirement}, and {requirement.name} {installed} is installed: "
            f"pip install '{requirement}'",
            value,
        )


def check_values(key: str, given: Mapping[str, Any], arguments: Mapping[str, Argument]) -> Fitted:
    """Check values against the types of the arguments, if these are known.

    Args:
        key: dotted config key of the mapping; empty for the top level.
        given: the values, as plain Python.
        arguments: the arguments by name.

    Yields:
        The values that need another type.

    Raises:
        ArgumentError: for the first value that does not fit.
    """
    for name in given.keys() & arguments.keys():
        where, value, argument = f"{key}.{name}".lstrip("."), given[name], arguments[name]
        if isinstance(value, dict) and "_target_" in value:
            continue  # an instance, whose class is not known
        try:
            fitted = checked(where, value, argument.type, argument.bounds)
        except ConfigurationError as error:
            raise ArgumentError(where, str(error), value) from None
        if repr(fitted) != repr(value) and not isinstance(fitted, float):
            yield where, fitted
