"""The base classes of tasks and data modules, and the callback that makes every run exact.

Code shared by several tasks is in `task.shared`. Imports `base`, `models`, `data` and `training`.
"""

from typing import TYPE_CHECKING

from lightning_transformers.base.types import Batch, Loss
from lightning_transformers.core.data import TransformerDataModule
from lightning_transformers.core.task import TaskTransformer
from lightning_transformers.former_paths import former_names

__all__ = ["Batch", "Loss", "TaskTransformer", "TransformerDataModule"]

if not TYPE_CHECKING:
    __getattr__ = former_names(__name__)
