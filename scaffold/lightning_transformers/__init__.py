"""Fine-tune Hugging Face models with PyTorch Lightning, configured by Hydra.

The names below are public, beside `task.nlp.<task>`, `task.vision.<task>`, `callbacks`, `recipes`,
`testing` and `cli`. Each is loaded when it is first used: importing this package loads no torch.
"""

from typing import TYPE_CHECKING

from lightning_transformers.base.lazy import lazy_names
from lightning_transformers.former_paths import FormerPaths

if TYPE_CHECKING:
    from lightning_transformers.base.types import Batch, Loss
    from lightning_transformers.core.data import TransformerDataModule
    from lightning_transformers.core.task import TaskTransformer
    from lightning_transformers.data.loading import Rows, Splits
    from lightning_transformers.models.backbone import Backbone
    from lightning_transformers.runs.evaluate import evaluate
    from lightning_transformers.runs.train import train

__all__ = [
    "Backbone",
    "Batch",
    "Loss",
    "Rows",
    "Splits",
    "TaskTransformer",
    "TransformerDataModule",
    "evaluate",
    "train",
]

__getattr__ = lazy_names(
    __name__,
    {
        "base.types": ("Batch", "Loss"),
        "core.data": ("TransformerDataModule",),
        "core.task": ("TaskTransformer",),
        "data.loading": ("Rows", "Splits"),
        "models.backbone": ("Backbone",),
        "runs.evaluate": ("evaluate",),
        "runs.train": ("train",),
    },
)

FormerPaths.install()
