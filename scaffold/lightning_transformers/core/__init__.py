"""What every task shares: the base classes of a task and of its data, and their types."""

from lightning_transformers.core.data import TransformerDataModule
from lightning_transformers.core.task import TaskTransformer
from lightning_transformers.core.types import Batch, Loss

__all__ = ["Batch", "Loss", "TaskTransformer", "TransformerDataModule"]
