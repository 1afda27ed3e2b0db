"""Masked language modeling: predict the masked tokens of a text."""

from lightning_transformers.task.nlp.masked_language_modeling.data import (
    MaskedLanguageModelingDataModule,
)
from lightning_transformers.task.nlp.masked_language_modeling.model import (
    MaskedLanguageModelingTransformer,
)

__all__ = ["MaskedLanguageModelingDataModule", "MaskedLanguageModelingTransformer"]
