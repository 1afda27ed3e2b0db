"""Tests of the task `my_masked_language_modeling`."""

from lightning_transformers.testing import TaskContract

from tasks.my_masked_language_modeling.model import MyMaskedLanguageModelingTransformer


class TestMyMaskedLanguageModeling(TaskContract):
    """Check that the config names the class, it trains, and its hooks are called."""

    task = "nlp/my_masked_language_modeling"
    task_class = MyMaskedLanguageModelingTransformer
