"""Task classes of language modeling, of the runtime and rendered with recipes."""

from lightning_transformers.task.nlp.language_modeling import (
    LanguageModelingTransformer,
)
from tests.helpers.rendered import task_class

CLASSES = {
    "base": LanguageModelingTransformer,
    "generated": task_class("language_modeling", "label_smoothing", "weight_noise"),
}
