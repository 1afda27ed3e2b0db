"""Which task a checkpoint is of: recorded in it, and compared before it is loaded."""

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.base.types import Checkpoint

CLASS = "task_class"
"""Key of a checkpoint: the import path of the class that was trained."""
BASE = "base_task"
"""Key of a checkpoint: the task of the package that the class is, or is derived from."""
TASKS = "lightning_transformers.task."


def base_task(cls: object) -> str | None:
    """Return the name of the task of the package that a class is derived from, if it is any."""
    bases = (base for base in getattr(cls, "__mro__", ()) if base.__module__.startswith(TASKS))
    return next((base.__name__ for base in bases), None)


def record_task(cls: type, checkpoint: Checkpoint) -> None:
    """Write into a checkpoint what it is of, as plain texts."""
    checkpoint[CLASS] = f"{cls.__module__}.{cls.__qualname__}"
    checkpoint[BASE] = base_task(cls)


def check_task(cls: type, checkpoint: Checkpoint, path: str) -> None:
    """Check that a checkpoint is of the same task of the package as a class, as far as is known.

    Raises:
        ConfigurationError: if it is of another.
    """
    recorded, asked = checkpoint.get(BASE), base_task(cls)
    if recorded is None or asked is None or recorded == asked:
        return
    raise ConfigurationError(
        f"the checkpoint '{path}' does not fit {cls.__name__}: it is of {checkpoint.get(CLASS)}, "
        f"and a {recorded} is no {asked}: give +task=<the task that was trained>"
    )
