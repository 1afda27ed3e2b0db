"""Multiple choice: select the choice that answers a question or continues a text."""

from lightning_transformers.task.nlp.multiple_choice.data import MultipleChoiceDataModule
from lightning_transformers.task.nlp.multiple_choice.model import MultipleChoiceTransformer

__all__ = ["MultipleChoiceDataModule", "MultipleChoiceTransformer"]
