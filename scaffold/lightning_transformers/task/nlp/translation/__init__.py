"""Translation: translate a text into another language."""

from typing import TYPE_CHECKING

from lightning_transformers.former_paths import former_names
from lightning_transformers.task.nlp.translation.data import TranslationDataModule
from lightning_transformers.task.nlp.translation.model import TranslationTransformer

__all__ = ["TranslationDataModule", "TranslationTransformer"]

if not TYPE_CHECKING:
    __getattr__ = former_names(__name__)
