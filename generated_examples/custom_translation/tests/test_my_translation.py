"""Tests of the task `my_translation`."""

from lightning_transformers.testing import TaskContract

from tasks.my_translation.model import MyTranslationTransformer


class TestMyTranslation(TaskContract):
    """The config composes, names the class, and a batch trains."""

    task = "nlp/my_translation"
    task_class = MyTranslationTransformer
