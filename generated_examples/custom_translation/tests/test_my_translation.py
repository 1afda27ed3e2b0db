"""Tests of the task `my_translation`."""

from lightning_transformers.testing import TaskContract

from tasks.my_translation.model import MyTranslationTransformer


class TestMyTranslation(TaskContract):
    """Check that the config composes and names the class, and that a batch trains."""

    task = "nlp/my_translation"
    task_class = MyTranslationTransformer
