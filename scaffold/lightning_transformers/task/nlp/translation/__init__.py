"""Translation: translate a text into another language."""

from lightning_transformers.task.nlp.translation.data import TranslationDataModule
from lightning_transformers.task.nlp.translation.model import TranslationTransformer

__all__ = ["TranslationDataModule", "TranslationTransformer"]
