"""Extractive question answering: find the span of a context that answers a question, if any."""

from lightning_transformers.task.nlp.question_answering.data import QuestionAnsweringDataModule
from lightning_transformers.task.nlp.question_answering.model import QuestionAnsweringTransformer

__all__ = ["QuestionAnsweringDataModule", "QuestionAnsweringTransformer"]
