"""Hyperparameters are annotated class attributes; keyword arguments set them on an instance."""

from collections.abc import Mapping
from inspect import get_annotations
from typing import Any, ClassVar, get_origin

from omegaconf import OmegaConf

from lightning_transformers.errors import ConfigurationError, did_you_mean


def set_hyperparameters(instance: object, root: type, values: Mapping[str, Any]) -> None:
    """Set `values` as attributes of `instance`, where its class declares them.

    Args:
        instance: what to configure.
        root: the class from which on downwards annotations declare hyperparameters.
        values: the hyperparameters that differ from their defaults, by name.

    Raises:
        ConfigurationError: if a name is not declared, where the message names the nearest one, or
            if one without a default is not given.
    """
    declared = declared_hyperparameters(type(instance), root)
    for name, value in values.items():
        if name not in declared:
            owner = type(instance).__name__
            hint = did_you_mean(name, declared)
            raise ConfigurationError(f"{owner} has no hyperparameter '{name}'{hint}")
        setattr(instance, name, value)
    missing = [name for name in sorted(declared) if not hasattr(instance, name)]
    if missing:
        owner = type(instance).__name__
        raise ConfigurationError(f"{owner} needs a value for {', '.join(missing)}")


def declared_hyperparameters(cls: type, root: type) -> set[str]:
    """Return the public names that `cls`, its bases down from `root` and its mixins annotate."""
    return {
        name
        for base in cls.__mro__[: cls.__mro__.index(root) + 1]
        for name, annotation in get_annotations(base).items()
        if not name.startswith("_") and not _is_class_variable(annotation)
    }


def plain(value: Any) -> Any:
    """Return a config of OmegaConf as plain Python: a checkpoint with one in it does not load."""
    return OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value


def _is_class_variable(annotation: object) -> bool:
    if isinstance(annotation, str):
        return annotation.startswith(("ClassVar", "typing.ClassVar"))
    return annotation is ClassVar or get_origin(annotation) is ClassVar
