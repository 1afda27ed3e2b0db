"""Tests of the task `my_language_modeling`."""

from lightning_transformers.testing import TaskContract

from examples.my_language_modeling.model import MyLanguageModelingTransformer


class TestMyLanguageModeling(TaskContract):
    """The config composes, names the class, and a batch trains."""

    task = "nlp/my_language_modeling"
    task_class = MyLanguageModelingTransformer
