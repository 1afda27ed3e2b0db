"""Multiple choice: select the choice that answers a question or continues a text."""

from typing import TYPE_CHECKING

from lightning_transformers.former_paths import former_names
from lightning_transformers.task.nlp.multiple_choice.data import MultipleChoiceDataModule
from lightning_transformers.task.nlp.multiple_choice.model import MultipleChoiceTransformer

__all__ = ["MultipleChoiceDataModule", "MultipleChoiceTransformer"]

if not TYPE_CHECKING:
    __getattr__ = former_names(__name__)
