"""Tests of the task `my_masked_language_modeling`."""

from lightning_transformers.testing import TaskContract

from tasks.my_masked_language_modeling.model import MyMaskedLanguageModelingTransformer


class TestMyMaskedLanguageModeling(TaskContract):
    """The config composes, names the class, and a batch trains."""

    task = "nlp/my_masked_language_modeling"
    task_class = MyMaskedLanguageModelingTransformer
