"""Token classification: a tag for each word, such as those of the names in a text."""

from lightning_transformers.task.nlp.token_classification.data import TokenClassificationDataModule
from lightning_transformers.task.nlp.token_classification.model import (
    TokenClassificationTransformer,
)

__all__ = ["TokenClassificationDataModule", "TokenClassificationTransformer"]
