"""What a `_target_` names, and whether it takes the arguments beside it."""

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
"""Modules of which a class of Lightning needs one, which says so only when it is created."""
ADD_ONS = {"bitsandbytes", "deepspeed", "peft"}
"""Packages that are no part of the training stack: of others, a name may be a slip."""
NAMED = (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)


class ArgumentError(ConfigurationError):
    """A mistake in what the config gives to a target.

    Attributes:
        key: where in the config it is.
        value: what stands there.
    """

    def __init__(self, key: str, message: str, value: object = None) -> None:
        super().__init__(message)
        self.key = key
        self.value = value


def targets(key: str, value: object) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each mapping with a `_target_` in a value of a config, and its key, outermost first."""
    if isinstance(value, dict):
        if value.get("_target_") is not None:
            yield key, value
        for name, below in value.items():
            yield from targets(f"{key}.{name}", below)
    elif isinstance(value, list):
        for index, below in enumerate(value):
            yield from targets(f"{key}.{index}", below)


def arguments_of(mapping: Mapping[str, object]) -> dict[str, object]:
    """Return what Hydra passes on: all but `_target_` and its other settings."""
    return {
        name: value
        for name, value in mapping.items()
        if not (name.startswith("_") and name.endswith("_"))
    }


def check_installed(target: str, key: str) -> None:
    """Raise ArgumentError if the package of a target is not there; imports nothing."""
    package, _, name = target.partition(".")
    needed = REQUIREMENTS.get(name.rpartition(".")[2], (package,))
    if any(module in sys.modules or (module and find_spec(module)) for module in needed):
        return
    if needed[0] in ADD_ONS or needed != (package,):
        distribution = needed[0].replace("_", "-")
        where = key.removesuffix("._target_")
        raise ArgumentError(
            key, f"`{distribution}` is not installed ({where}): pip install {distribution}"
        )
    raise ArgumentError(key, f"there is no module '{package}' for {key}={target}")


def locate(target: str, key: str) -> Callable[..., object]:
    """Return the class or function of an import path.

    Args:
        target: the import path.
        key: the key that it is the value of, for the message.

    Raises:
        ArgumentError: if there is none of that name. An error within a module is raised as it is:
            Hydra's own look-up would hide its file and line.
    """
    check_installed(target, key)
    path, *names = target.split(".")
    found: object = import_module(path)
    for name in names:
        found = getattr(found, name, None) or _submodule(found, path, name, key)
        path += f".{name}"
    if not callable(found):
        raise ArgumentError(key, f"{key}={target} is no class and no function")
    return found


def _submodule(parent: object, path: str, name: str, key: str) -> object:
    try:
        return import_module(f"{path}.{name}")
    except ModuleNotFoundError as error:
        if error.name not in (f"{path}.{name}", path):
            raise
    kind = "class" if name[:1].isupper() else "module or function"
    hint = suggestion(name, dir(parent), cutoff=0.6)
    raise ArgumentError(key, f"'{path}' has no {kind} '{name}'{hint}, for {key}")


def parameters_of(function: Callable[..., object]) -> list[Parameter]:
    """Return the parameters of a function, or of the constructor of a class."""
    try:
        return list(signature(function).parameters.values())
    except ValueError:  # written in C, and says nothing of its arguments
        return [Parameter("arguments", Parameter.VAR_KEYWORD)]


def check_arguments(
    name: str,
    parameters: Iterable[Parameter],
    given: Mapping[str, object],
    key: str,
    positional: int = 0,
    supplied: Collection[str] = (),
) -> None:
    """Check that a call has the arguments that the signature asks for.

    Args:
        name: what is called, for the message.
        parameters: its parameters.
        given: the keyword arguments of the config.
        key: where in the config they stand, for the message.
        positional: how many more come before them.
        supplied: names of those that come from elsewhere, and so not from the config.

    Raises:
        ArgumentError: for the first that is unknown, is no number where one has to be, or is
            missing.
    """
    parameters = list(parameters)
    known = {p.name: p for p in parameters if p.kind in NAMED and p.name not in supplied}
    takes_any = any(p.kind is Parameter.VAR_KEYWORD for p in parameters)
    for argument, value in given.items():
        where = f"{key}.{argument}"
        if argument in supplied or (argument not in known and not takes_any):
            hint = did_you_mean(argument, known)
            raise ArgumentError(where, f"{where}: {name} takes no '{argument}'{hint}", value)
        if argument in known and is_no_number(value, known[argument].annotation):
            raise ArgumentError(where, f"{where}={value} is no number", value)
    for parameter in list(known.values())[positional:]:
        if parameter.default is Parameter.empty and parameter.name not in given:
            where = f"{key}.{parameter.name}"
            raise ArgumentError(where, f"{name} needs a value: give +{where}=<value>")


def is_no_number(value: object, annotation: object) -> bool:
    """Tell whether a value is a text where the annotation has numbers, and no text."""
    kinds = set(get_args(annotation)) or {annotation}
    return isinstance(value, str) and bool(kinds & {int, float}) and str not in kinds
