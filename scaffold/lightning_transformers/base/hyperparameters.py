"""Hyperparameters are annotated class attributes; keyword arguments set them on an instance."""

import sys
from collections.abc import Mapping
from enum import Enum
from functools import cache
from inspect import get_annotations
from pathlib import PurePath
from types import SimpleNamespace
from typing import Any, ClassVar, get_origin, get_type_hints

from omegaconf import OmegaConf
from pydantic import ConfigDict, PydanticUserError, TypeAdapter, ValidationError

from lightning_transformers.base.errors import ConfigurationError, did_you_mean

CONTAINERS = (list, tuple, set, frozenset)
"""Types whose values a checkpoint holds as they are."""


def set_hyperparameters(instance: object, root: type, values: Mapping[str, object]) -> None:
    """Set `values` as attributes of `instance`, where its class declares them.

    Args:
        instance: what to configure.
        root: the class from which on downwards annotations declare hyperparameters.
        values: the hyperparameters that differ from their defaults, by name.

    Raises:
        ConfigurationError: if a name is not declared, where the message names the nearest one, if
            a value is not what the annotation says, or if one without a default is not given.
    """
    cls = type(instance)
    declared = declared_hyperparameters(cls, root)
    for name in values:
        if name not in declared:
            hint = did_you_mean(name, declared)
            raise ConfigurationError(f"{cls.__name__} has no hyperparameter '{name}'{hint}")
    for name, value in validated(cls, root, values, owner=cls.__name__).items():
        setattr(instance, name, value)
    missing = [name for name in sorted(declared) if not hasattr(instance, name)]
    if missing:
        raise ConfigurationError(f"{cls.__name__} needs a value for {', '.join(missing)}")


def validated(cls: type, root: type, values: Mapping[str, object], owner: str) -> dict[str, object]:
    """Return `values` as the annotations of `cls` have them: for a float, 1 becomes 1.0.

    Args:
        cls: the class that declares the hyperparameters.
        root: the class from which on downwards annotations declare hyperparameters.
        values: declared hyperparameters by name.
        owner: what the message puts before the name, such as `dataset`.

    Raises:
        ConfigurationError: for the first value that does not fit its annotation.
    """
    types = _annotations(cls, root)
    return {
        name: _fitted(f"{owner}.{name}", types[name], to_plain(value))
        for name, value in values.items()
    }


def declared_hyperparameters(cls: type, root: type) -> set[str]:
    """Return the public names that `cls`, its bases down from `root` and its mixins annotate."""
    return set(_annotations(cls, root))


def to_plain(value: Any) -> Any:
    """Return a config of OmegaConf as plain Python: a checkpoint with one in it does not load."""
    return OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value


def hyperparameters_of(instance: object, root: type) -> dict[str, object]:
    """Return the declared hyperparameters of an instance by name, as a config could give them."""
    names = sorted(declared_hyperparameters(type(instance), root))
    return {name: to_yaml(getattr(instance, name)) for name in names}


def to_yaml(value: object) -> object:
    """Return a value with enums and paths in it as they are written in YAML.

    A checkpoint with one of these does not load; the annotation makes of it what it was.
    """
    match value:
        case Enum():
            return value.value
        case PurePath():
            return str(value)
        case dict():
            return {to_yaml(key): to_yaml(part) for key, part in value.items()}
        case list() | tuple() | set() | frozenset() if type(value) in CONTAINERS:
            return type(value)(map(to_yaml, value))
    return value


@cache
def _annotations(cls: type, root: type) -> dict[str, object]:
    return {
        name: _resolved(base, name, annotation)
        for base in reversed(cls.__mro__[: cls.__mro__.index(root) + 1])
        for name, annotation in get_annotations(base).items()
        if not name.startswith("_") and not _is_class_variable(annotation)
    }


def _resolved(cls: type, name: str, annotation: object) -> object:
    """Return an annotation without strings in it, or `object` if a name in it is not found."""
    # Of the class as a whole, one name that only a type checker sees would hide all the others.
    holder = SimpleNamespace(__annotations__={name: annotation})
    scope = vars(sys.modules[cls.__module__])
    try:
        return get_type_hints(holder, scope, dict(vars(cls)), include_extras=True)[name]
    except (NameError, AttributeError, TypeError, SyntaxError):
        return object


def _fitted(key: str, annotation: object, value: object) -> object:
    try:
        return _adapter(annotation).validate_python(value)
    except ValidationError as error:
        wrong = dict.fromkeys(details["msg"] for details in error.errors(include_url=False))
        raise ConfigurationError(f"{key}={value}: {', or '.join(wrong)}") from None


def _adapter(annotation: Any) -> TypeAdapter[object]:
    """Return what validates against an annotation: anything goes where pydantic cannot tell."""
    # A name of digits, of a column or a revision, is a number to the command line.
    config = ConfigDict(arbitrary_types_allowed=True, coerce_numbers_to_str=True)
    for settings in (config, None):  # a type may have settings of its own, and no others
        try:
            return TypeAdapter(annotation, config=settings)
        except (PydanticUserError, TypeError):
            continue
    return TypeAdapter(object)


def _is_class_variable(annotation: object) -> bool:
    if isinstance(annotation, str):
        return annotation.startswith(("ClassVar", "typing.ClassVar"))
    return annotation is ClassVar or get_origin(annotation) is ClassVar
