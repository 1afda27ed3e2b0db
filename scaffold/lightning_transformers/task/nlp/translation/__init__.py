"""Translation: say in one language what a text says in another."""

from lightning_transformers.task.nlp.translation.data import TranslationDataModule
from lightning_transformers.task.nlp.translation.model import TranslationTransformer

__all__ = ["TranslationDataModule", "TranslationTransformer"]
