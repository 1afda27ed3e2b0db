"""Causal language modeling: predict the next token."""

from lightning_transformers.task.nlp.language_modeling.data import LanguageModelingDataModule
from lightning_transformers.task.nlp.language_modeling.model import LanguageModelingTransformer

__all__ = ["LanguageModelingDataModule", "LanguageModelingTransformer"]
