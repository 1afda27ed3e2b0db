"""Token classification: a tag for each word, as in named entity recognition."""

from lightning_transformers.task.nlp.token_classification.data import TokenClassificationDataModule
from lightning_transformers.task.nlp.token_classification.model import (
    TokenClassificationTransformer,
)

__all__ = ["TokenClassificationDataModule", "TokenClassificationTransformer"]
