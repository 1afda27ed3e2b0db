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
"""Container types that a checkpoint stores unchanged."""


def set_hyperparameters(instance: object, root: type, values: Mapping[str, object]) -> None:
    """Validate `values` and set them as attributes of `instance`.

    Args:
        instance: the object to configure.
        root: base class; annotations in it and its subclasses declare hyperparameters.
        values: hyperparameters that differ from their defaults, by name.

    Raises:
        ConfigurationError: if a name is not declared, a value does not match its annotation, or a
            hyperparameter without a default is missing.
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
        raise ConfigurationError(
            f"{cls.__name__} needs a value for {', '.join(missing)}: set it in the config, or "
            "declare a default in the class"
        )


def validated(cls: type, root: type, values: Mapping[str, object], owner: str) -> dict[str, object]:
    """Return `values` converted to the annotated types: 1 becomes 1.0 for a float.

    Args:
        cls: the class that declares the hyperparameters.
        root: base class; annotations in it and its subclasses declare hyperparameters.
        values: declared hyperparameters by name.
        owner: prefix of the name in the message, such as `dataset`.

    Raises:
        ConfigurationError: for the first value that does not match its annotation.
    """
    types = _annotations(cls, root)
    return {
        name: _fitted(f"{owner}.{name}", types[name], to_plain(value))
        for name, value in values.items()
    }


def declared_hyperparameters(cls: type, root: type) -> set[str]:
    """Return the names of all hyperparameters that a class has.

    Args:
        cls: the class of a task or data module.
        root: base class; public annotated attributes of it, its subclasses and mixins count.
    """
    return set(_annotations(cls, root))


def to_plain(value: Any) -> Any:
    """Convert an OmegaConf config, which a checkpoint cannot load, to plain Python."""
    return OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value


def hyperparameters_of(instance: object, root: type) -> dict[str, object]:
    """Return all hyperparameters of an instance, in the form of `to_yaml`, by name.

    Args:
        instance: a task or data module.
        root: base class, as in `declared_hyperparameters`.
    """
    names = sorted(declared_hyperparameters(type(instance), root))
    return {name: to_yaml(getattr(instance, name)) for name in names}


def to_yaml(value: object) -> object:
    """Convert enums and paths in a value to their YAML form, which a checkpoint can load.

    Validation against the annotation restores the original type.
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
    """Evaluate a string annotation; return `object` if a name in it cannot be resolved.

    Args:
        cls: the class that declares it, whose module and body are the scope.
        name: the annotated attribute.
        annotation: a string, or a type, which is returned unchanged.
    """
    # One by one: a name imported only under TYPE_CHECKING would fail those of the whole class.
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
    """Return a validator for an annotation; it accepts any value if pydantic cannot check it."""
    # The command line parses a column or revision made of digits as a number.
    config = ConfigDict(arbitrary_types_allowed=True, coerce_numbers_to_str=True)
    for settings in (config, None):  # pydantic rejects a config for types that define one
        try:
            return TypeAdapter(annotation, config=settings)
        except (PydanticUserError, TypeError):
            continue
    return TypeAdapter(object)


def _is_class_variable(annotation: object) -> bool:
    if isinstance(annotation, str):
        return annotation.startswith(("ClassVar", "typing.ClassVar"))
    return annotation is ClassVar or get_origin(annotation) is ClassVar
