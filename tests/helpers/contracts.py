"""The generated test of a task, for classes of the tests."""

from pathlib import Path

from omegaconf import DictConfig

from lightning_transformers.config.compose import compose
from lightning_transformers.core import TaskTransformer
from lightning_transformers.testing import SMOKE, TaskContract


def contract(cls: type[TaskTransformer], task: str) -> TaskContract:
    """Return the test of a task class; as a local class, it is not collected by pytest.

    Args:
        cls: the class.
        task: the task of its config, such as `nlp/language_modeling`.
    """

    class Contract(TaskContract):
        task_class = cls

        def compose(self, run_dir: Path) -> DictConfig:
            target = f"task._target_={cls.__module__}.{cls.__name__}"
            return compose([*SMOKE, f"task={task}", target, f"training.run_dir={run_dir}"])

    return Contract()
