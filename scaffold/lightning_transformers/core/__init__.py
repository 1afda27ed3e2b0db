"""What every task shares: the base classes of a task and of its data, and their types."""

from lightning_transformers.base.types import Batch, Loss
from lightning_transformers.core.data import TransformerDataModule
from lightning_transformers.core.task import TaskTransformer

__all__ = ["Batch", "Loss", "TaskTransformer", "TransformerDataModule"]
