"""The base classes of tasks and data modules, and the callback that makes every run exact.

Code shared by several tasks is in `task.shared`. Imports `base`, `models`, `data` and `training`.
"""

from lightning_transformers.base.types import Batch, Loss
from lightning_transformers.core.data import TransformerDataModule
from lightning_transformers.core.task import TaskTransformer

__all__ = ["Batch", "Loss", "TaskTransformer", "TransformerDataModule"]
