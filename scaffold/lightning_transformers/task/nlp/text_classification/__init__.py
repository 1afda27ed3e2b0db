"""Text classification: one class, several classes or a number for a text or a pair of texts."""

from lightning_transformers.task.nlp.text_classification.data import TextClassificationDataModule
from lightning_transformers.task.nlp.text_classification.model import TextClassificationTransformer

__all__ = ["TextClassificationDataModule", "TextClassificationTransformer"]
