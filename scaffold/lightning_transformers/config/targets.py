"""Import a `_target_` and check its arguments against its signature."""

import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from importlib import import_module
from importlib.util import find_spec
from inspect import Parameter, signature
from typing import Any, get_args

from lightning_transformers.base.errors import ConfigurationError, did_you_mean, suggestion

PACKAGE = "lightning_transformers."
REQUIREMENTS = {
    "TensorBoardLogger": ("tensorboard", "tensorboardX"),
    "WandbLogger": ("wandb",),
    "MLFlowLogger": ("mlflow",),
    "CometLogger": ("comet_ml",),
    "NeptuneLogger": ("neptune",),
}
"""Modules of which a Lightning logger requires one; Lightning checks only in the constructor."""
OPTIONAL_PACKAGES = {"bitsandbytes", "deepspeed", "peft"}
"""Packages to suggest installing; any other unknown package name may be a typo."""
NAMED = (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)


class ArgumentError(ConfigurationError):
    """An invalid `_target_` or argument in a config.

    Attributes:
        key: dotted config key of the `_target_` or argument.
        value: the value at that key.
    """

    def __init__(self, key: str, message: str, value: object = None) -> None:
        super().__init__(message)
        self.key = key
        self.value = value


def targets(key: str, value: object) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the dotted key and content of each mapping with a `_target_`, outermost first.

    Args:
        key: config key of the value.
        value: a config or part of it, as plain Python.
    """
    if isinstance(value, dict):
        if value.get("_target_") is not None:
            yield key, value
        for name, below in value.items():
            yield from targets(f"{key}.{name}", below)
    elif isinstance(value, list):
        for index, below in enumerate(value):
            yield from targets(f"{key}.{index}", below)


def arguments_of(mapping: Mapping[str, object]) -> dict[str, object]:
    """Return the keyword arguments of a mapping, without Hydra's keys such as `_target_`."""
    return {
        name: value
        for name, value in mapping.items()
        if not (name.startswith("_") and name.endswith("_"))
    }


def check_installed(target: str, key: str) -> None:
    """Check that the package of a target is installed, without importing it.

    Args:
        target: the import path of a class or function.
        key: config key of the target, for the error message.

    Raises:
        ArgumentError: if the package is not installed, or one that a logger requires.
    """
    package, _, name = target.partition(".")
    needed = REQUIREMENTS.get(name.rpartition(".")[2], (package,))
    if any(module in sys.modules or (module and find_spec(module)) for module in needed):
        return
    if needed[0] in OPTIONAL_PACKAGES or needed != (package,):
        distribution = needed[0].replace("_", "-")
        where = key.removesuffix("._target_")
        raise ArgumentError(
            key, f"`{distribution}` is not installed ({where}): pip install {distribution}"
        )
    raise ArgumentError(key, f"{key}={target}: no module named '{package}' (correct or install it)")


def locate(target: str, key: str) -> Callable[..., object]:
    """Import a class or function.

    Unlike Hydra's `get_object`, it lets an error inside the imported module propagate with its file
    and line.

    Args:
        target: the import path.
        key: config key of the target, for the error message.

    Raises:
        ArgumentError: if it does not exist, or is not callable.
    """
    check_installed(target, key)
    path, *names = target.split(".")
    found: object = import_module(path)
    for name in names:
        found = getattr(found, name, None) or _submodule(found, path, name, key)
        path += f".{name}"
    if not callable(found):
        raise ArgumentError(key, f"{key}={target} is not a class or function: set the path of one")
    return found


def _submodule(parent: object, path: str, name: str, key: str) -> object:
    """Import a submodule; raises ArgumentError, with the nearest name, if it does not exist.

    Args:
        parent: the imported parent, of whose attributes the nearest is suggested.
        path: import path of the parent.
        name: name of the submodule.
        key: config key of the target, for the error message.
    """
    try:
        return import_module(f"{path}.{name}")
    except ModuleNotFoundError as error:
        if error.name not in (f"{path}.{name}", path):
            raise
    kind = "class" if name[:1].isupper() else "module or function"
    hint = suggestion(name, dir(parent), cutoff=0.6) or " (correct the import path)"
    raise ArgumentError(key, f"{key}: '{path}' has no {kind} '{name}'{hint}")


def parameters_of(function: Callable[..., object]) -> list[Parameter]:
    """Return the parameters of a function, or of the constructor of a class.

    A function written in C without a signature gets one `**arguments` parameter.
    """
    try:
        return list(signature(function).parameters.values())
    except ValueError:
        return [Parameter("arguments", Parameter.VAR_KEYWORD)]


def check_arguments(
    name: str,
    parameters: Iterable[Parameter],
    given: Mapping[str, object],
    key: str,
    positional: int = 0,
    supplied: Collection[str] = (),
) -> None:
    """Check keyword arguments from a config against a signature.

    Args:
        name: name of the class or function, for the error message.
        parameters: parameters of the class or function.
        given: the keyword arguments of the config.
        key: config key of the mapping, for the error message.
        positional: number of positional arguments that the runtime passes first.
        supplied: names of keyword arguments that the runtime passes; the config must not set them.

    Raises:
        ArgumentError: for the first unknown or missing argument, or a string for a number.
    """
    parameters = list(parameters)
    known = {p.name: p for p in parameters if p.kind in NAMED and p.name not in supplied}
    takes_any = any(p.kind is Parameter.VAR_KEYWORD for p in parameters)
    for argument, value in given.items():
        where = f"{key}.{argument}"
        if argument in supplied:
            raise ArgumentError(
                where, f"{where} is set by the runtime, not in the config: remove it", value
            )
        if argument not in known and not takes_any:
            hint = did_you_mean(argument, known)
            raise ArgumentError(where, f"{where}: {name} has no argument '{argument}'{hint}", value)
        if argument in known and is_text_for_number(value, known[argument].annotation):
            raise ArgumentError(where, f"{where}={value} is not a number: set one", value)
    for parameter in list(known.values())[positional:]:
        if parameter.default is Parameter.empty and parameter.name not in given:
            where = f"{key}.{parameter.name}"
            raise ArgumentError(where, f"{name} requires '{parameter.name}': set +{where}=<value>")


def is_text_for_number(value: object, annotation: object) -> bool:
    """Return whether a value is a string but its annotation is numeric and has no `str`.

    Args:
        value: the value of an argument in a config.
        annotation: the annotation of the parameter, such as `int | None`.
    """
    kinds = set(get_args(annotation)) or {annotation}
    return isinstance(value, str) and bool(kinds & {int, float}) and str not in kinds
