"""Find the `_target_`s of a config, and import them."""

import sys
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Any

from lightning_transformers.base.errors import ConfigurationError, suggestion

PACKAGE = "lightning_transformers."
MODULES_OF_LOGGERS = {
    "TensorBoardLogger": ("tensorboard", "tensorboardX"),
    "WandbLogger": ("wandb",),
    "MLFlowLogger": ("mlflow",),
    "CometLogger": ("comet_ml",),
    "NeptuneLogger": ("neptune",),
}
"""Modules of which a Lightning logger requires one; Lightning checks only in the constructor."""
OPTIONAL_PACKAGES = {"bitsandbytes", "deepspeed", "peft"}
"""Packages to suggest installing; any other unknown package name may be a typo."""


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
    needed = MODULES_OF_LOGGERS.get(name.rpartition(".")[2], (package,))
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
    package = path.partition(".")[0].replace("_", "-")
    try:
        release = f" of {package} {version(package)}"
    except PackageNotFoundError:  # a module of the project, or a package of another name
        release = ""
    raise ArgumentError(key, f"{key}: '{path}'{release} has no {kind} '{name}'{hint}")
