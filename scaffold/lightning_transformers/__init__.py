"""Fine-tune Hugging Face models with PyTorch Lightning, configured by Hydra.

The names below are public, and so are the packages `task.nlp.<task>`, `task.vision.<task>`,
`callbacks` and `recipes` and the modules `testing` and `cli`. Each name is imported when it is
first used: importing this package loads no torch.
"""

from lightning_transformers.shadowing import NamedShadowing

with NamedShadowing():
    from typing import TYPE_CHECKING

    from lightning_transformers.base.lazy import lazy_exports
    from lightning_transformers.former_paths import FormerPaths

if TYPE_CHECKING:
    from lightning_transformers.base.types import Batch as Batch
    from lightning_transformers.base.types import Loss as Loss
    from lightning_transformers.core.data import TransformerDataModule as TransformerDataModule
    from lightning_transformers.core.task import TaskTransformer as TaskTransformer
    from lightning_transformers.models.backbone import Backbone as Backbone
    from lightning_transformers.runs.evaluate import evaluate as evaluate
    from lightning_transformers.runs.export import export as export
    from lightning_transformers.runs.load import load as load
    from lightning_transformers.runs.predict import predict as predict
    from lightning_transformers.runs.train import train as train

__getattr__, __all__ = lazy_exports(__name__, __file__)

FormerPaths.install()
