"""Tests of the task `my_language_modeling`."""

from lightning_transformers.testing import TaskContract

from examples.my_language_modeling.model import MyLanguageModelingTransformer


class TestMyLanguageModeling(TaskContract):
    """Check that the config names the class, it trains, and its hooks are called."""

    task = "nlp/my_language_modeling"
    task_class = MyLanguageModelingTransformer
