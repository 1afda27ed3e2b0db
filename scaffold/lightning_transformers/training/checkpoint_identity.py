"""The task of a checkpoint: recorded in it, and checked before it is loaded."""

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.base.types import Checkpoint

CLASS = "task_class"
"""Key of a checkpoint: import path of the trained class."""
BASE = "base_task"
"""Key of a checkpoint: name of the runtime's task that the class is or inherits from."""
TASKS = "lightning_transformers.task."


def base_task(cls: object) -> str | None:
    """Return the name of the first class of `lightning_transformers.task` in a class's MRO.

    An example is `TextClassificationTransformer`; None if there is none.
    """
    bases = (base for base in getattr(cls, "__mro__", ()) if base.__module__.startswith(TASKS))
    return next((base.__name__ for base in bases), None)


def record_task(cls: type, checkpoint: Checkpoint) -> None:
    """Record the task class in a checkpoint, as strings."""
    checkpoint[CLASS] = f"{cls.__module__}.{cls.__qualname__}"
    checkpoint[BASE] = base_task(cls)


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
