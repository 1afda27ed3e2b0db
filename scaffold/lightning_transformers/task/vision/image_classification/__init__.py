"""Image classification: one class per image."""

from lightning_transformers.task.vision.image_classification.data import (
    ImageClassificationDataModule,
)
from lightning_transformers.task.vision.image_classification.model import (
    ImageClassificationTransformer,
)

__all__ = ["ImageClassificationDataModule", "ImageClassificationTransformer"]
