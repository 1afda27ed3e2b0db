"""Tests of the task `my_translation`."""

from lightning_transformers.testing import TaskContract

from tasks.my_translation.model import MyTranslationTransformer


class TestMyTranslation(TaskContract):
    """Check that the config names the class, it trains, and its hooks are called."""

    task = "nlp/my_translation"
    task_class = MyTranslationTransformer
