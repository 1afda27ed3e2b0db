"""Summarization: write a summary of a text."""

from typing import TYPE_CHECKING

from lightning_transformers.former_paths import former_names
from lightning_transformers.task.nlp.summarization.data import SummarizationDataModule
from lightning_transformers.task.nlp.summarization.model import SummarizationTransformer

__all__ = ["SummarizationDataModule", "SummarizationTransformer"]

if not TYPE_CHECKING:
    __getattr__ = former_names(__name__)
