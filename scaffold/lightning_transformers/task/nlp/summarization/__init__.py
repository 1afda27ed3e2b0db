"""Summarization: write a summary of a text."""

from lightning_transformers.task.nlp.summarization.data import SummarizationDataModule
from lightning_transformers.task.nlp.summarization.model import SummarizationTransformer

__all__ = ["SummarizationDataModule", "SummarizationTransformer"]
