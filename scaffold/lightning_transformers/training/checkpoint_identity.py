"""The classes of a checkpoint: recorded in it, and checked before it is loaded."""

from collections.abc import Mapping
from functools import cached_property
from types import FunctionType
from typing import Any, NotRequired, TypedDict, cast

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.base.hyperparameters import declared_hyperparameters, members
from lightning_transformers.base.types import Checkpoint

CLASS = "task_class"
"""Key of a checkpoint: import path of the trained class."""
BASE = "base_task"
"""Key of a checkpoint: name of the runtime's task that the class is or inherits from."""
CLASSES = "classes"
"""Key of a checkpoint: a `ClassRecord` of the task (`task`) and of its data (`data`)."""
TASKS = "lightning_transformers.task."
MEMBERS = (FunctionType, property, cached_property, classmethod, staticmethod)


class ClassRecord(TypedDict):
    """A trained class, and what it adds to its base, the runtime's class that it inherits from.

    `name` and `base` are import paths, `methods` the overridden ones, `hyperparameters` the names
    that the base lacks; `values`, of a task, are arguments with which the base builds its model.
    """

    name: str
    base: str
    methods: list[str]
    hyperparameters: list[str]
    values: NotRequired[dict[str, Any]]


def base_of(cls: type, root: type) -> type:
    """Return the first class of `lightning_transformers.task` in a class's MRO, or else `root`."""
    return next((base for base in cls.__mro__ if base.__module__.startswith(TASKS)), root)


def base_task(cls: object) -> str | None:
    """Return the name of the runtime's task that a class is or inherits from.

    An example is `TextClassificationTransformer`; None if there is none.
    """
    base = base_of(cls, object) if isinstance(cls, type) else object
    return None if base is object else base.__name__


def path_of(cls: type) -> str:
    """Return the import path of a class."""
    return f"{cls.__module__}.{cls.__qualname__}"


def overridden_methods(cls: type, root: type) -> list[str]:
    """Return the methods and properties of its base that a class overrides, sorted."""
    base = base_of(cls, root)
    own = (part for part in cls.__mro__ if part not in base.__mro__)
    names = {name for part in own for name, v in members(part).items() if isinstance(v, MEMBERS)}
    return sorted(name for name in names if hasattr(base, name))


def class_record(cls: type, root: type, values: Mapping[str, Any] | None = None) -> ClassRecord:
    """Return the record of the class of a task or data module.

    Args:
        cls: the class.
        root: its base class in `core`.
        values: its hyperparameters, of a task.
    """
    base = base_of(cls, root)
    own = declared_hyperparameters(cls, root) - declared_hyperparameters(base, root)
    record: ClassRecord = {
        "name": path_of(cls),
        "base": path_of(base),
        "methods": overridden_methods(cls, root),
        "hyperparameters": sorted(own),
    }
    if values is not None:
        record["values"] = {name: value for name, value in values.items() if name not in own}
    return record


def record_classes(
    checkpoint: Checkpoint, cls: type, task: ClassRecord, data: ClassRecord | None
) -> None:
    """Record in a checkpoint the class of the task, and the records of task and data."""
    checkpoint |= {CLASS: task["name"], BASE: base_task(cls)}
    checkpoint[CLASSES] = {"task": task} | ({"data": data} if data else {})


def recorded_class(checkpoint: Checkpoint, kind: str) -> ClassRecord | None:
    """Return the record of the `task` or the `data` in a checkpoint; None in those of 0.1."""
    return cast(ClassRecord | None, checkpoint.get(CLASSES, {}).get(kind))


def lost_members(cls: type, record: ClassRecord | None, root: type) -> list[str]:
    """Return the methods and hyperparameters of a recorded class that another class lacks.

    Args:
        cls: the class that takes the place of the recorded one.
        record: the record of a checkpoint.
        root: base class in `core`.

    Returns:
        The names; none for the recorded class itself, which may have been edited since.
    """
    if record is None or path_of(cls) == record["name"]:
        return []
    methods, known = overridden_methods(cls, root), declared_hyperparameters(cls, root)
    lost = [name for name in record["methods"] if name not in methods]
    return lost + [name for name in record["hyperparameters"] if name not in known]


def check_task(cls: type, checkpoint: Checkpoint, path: str) -> None:
    """Check that a checkpoint and a class have the same task of the runtime as base.

    Args:
        cls: the class that is to load the checkpoint; one without such a base passes.
        checkpoint: the loaded checkpoint; one without a recorded base passes.
        path: path of the checkpoint, for the error message.

    Raises:
        ConfigurationError: if the bases differ.
    """
    recorded, expected = checkpoint.get(BASE), base_task(cls)
    if recorded is None or expected is None or recorded == expected:
        return
    raise ConfigurationError(
        f"the checkpoint '{path}' does not fit {cls.__name__}: it was trained by "
        f"{checkpoint.get(CLASS)}, a {recorded}; give +task=<that task>, in Python "
        "task_class=<its class>"
    )
