"""The two base classes of users' code, a task and its data, and what keeps every run of them exact.

What both need is in the rooms below; what several tasks share is in `task.shared`. Imports `base`,
`models`, `data` and `training`.
"""

from lightning_transformers.base.types import Batch, Loss
from lightning_transformers.core.data import TransformerDataModule
from lightning_transformers.core.task import TaskTransformer

__all__ = ["Batch", "Loss", "TaskTransformer", "TransformerDataModule"]
