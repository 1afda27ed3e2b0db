"""Hyperparameters are annotated class attributes; keyword arguments set them on an instance."""

import inspect
import sys
from collections.abc import Mapping
from enum import Enum
from functools import cache
from pathlib import PurePath
from types import NoneType
from typing import Any, ClassVar, get_origin

from omegaconf import OmegaConf
from pydantic import ConfigDict, PydanticUserError, TypeAdapter, ValidationError

from lightning_transformers.base.errors import ConfigurationError, did_you_mean
from lightning_transformers.base.value_types import bounds_of, checked, evaluated, type_text

CONFIG_VALUES = (NoneType, bool, int, float, str, list, tuple, set, frozenset, dict)
CONTAINERS = (list, tuple, set, frozenset)
"""Container types that a checkpoint stores unchanged."""

ADDED_BY_PYTHON = {"__annotate_func__", "__annotations_cache__"}  # 3.14
ADDED_BY_PYTHON |= {"__firstlineno__", "__static_attributes__"}  # 3.13


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
    set_validated(instance, root, values, owner=cls.__name__)
    missing = [name for name in sorted(declared) if not hasattr(instance, name)]
    if missing:
        raise ConfigurationError(
            f"{cls.__name__} needs a value for {', '.join(missing)}: set it in the config, or "
            "declare a default in the class"
        )


def set_validated(instance: object, root: type, values: Mapping[str, object], owner: str) -> None:
    """Set `values` as attributes, converted to the annotated types: 1 becomes 1.0 for a float.

    Args:
        instance: the object to configure.
        root: base class; annotations in it and its subclasses declare hyperparameters.
        values: declared hyperparameters by name.
        owner: prefix of the name in the message, such as `dataset`.

    Raises:
        ConfigurationError: for the first value that does not match its annotation.
    """
    cls: type = type(instance)
    types = hyperparameter_annotations(cls, root)
    for name, value in values.items():
        setattr(instance, name, _fitted(f"{owner}.{name}", types[name], to_plain(value)))


def declared_hyperparameters(cls: type, root: type) -> set[str]:
    """Return the names of all hyperparameters that a class has.

    Args:
        cls: the class of a task or data module.
        root: base class; public annotated attributes of it, its subclasses and mixins count.
    """
    return set(hyperparameter_annotations(cls, root))


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


def members(cls: type) -> dict[str, object]:
    """Return the attributes that the body of a class defines, not those that Python adds to it."""
    return {name: value for name, value in vars(cls).items() if name not in ADDED_BY_PYTHON}


def annotations_of(cls: type) -> dict[str, Any]:
    """Return the annotations in the body of a class.

    From Python 3.14 on, a name in them may be undefined, such as one that is imported under
    TYPE_CHECKING: its annotation is a forward reference.
    """
    if sys.version_info >= (3, 14):
        from annotationlib import Format, get_annotations

        return get_annotations(cls, format=Format.FORWARDREF)
    return inspect.get_annotations(cls)


@cache
def hyperparameter_annotations(cls: type, root: type) -> dict[str, object]:
    """Return the evaluated annotation of each hyperparameter, `object` where that fails.

    Args:
        cls: the class of a task or data module.
        root: base class, as in `declared_hyperparameters`.
    """
    return {
        name: evaluated(annotation, vars(sys.modules[base.__module__]), dict(vars(base)))
        for base in reversed(cls.__mro__[: cls.__mro__.index(root) + 1])
        for name, annotation in annotations_of(base).items()
        if not name.startswith("_") and not _is_class_variable(annotation)
    }


def _fitted(key: str, annotation: object, value: object) -> object:
    """Return a value converted to an annotation, after a strict check where it is a config's."""
    text, plain = type_text(annotation), to_yaml(value)
    if "Object" not in text and isinstance(plain, CONFIG_VALUES):
        value = checked(key, plain, text, bounds_of(annotation))
    try:
        return _adapter(annotation).validate_python(value)
    except ValidationError as error:
        wrong = dict.fromkeys(details["msg"] for details in error.errors(include_url=False))
        raise ConfigurationError(f"{key}={value}: {', or '.join(wrong)}") from None


def _adapter(annotation: Any) -> TypeAdapter[object]:
    """Return a validator for an annotation; it accepts any value if pydantic cannot check it."""
    config = ConfigDict(arbitrary_types_allowed=True)
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
