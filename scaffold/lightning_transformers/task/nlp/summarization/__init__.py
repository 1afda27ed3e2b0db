"""Summarization: write a short text that says what a long one does."""

from lightning_transformers.task.nlp.summarization.data import SummarizationDataModule
from lightning_transformers.task.nlp.summarization.model import SummarizationTransformer

__all__ = ["SummarizationDataModule", "SummarizationTransformer"]
