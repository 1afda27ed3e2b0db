"""Tests of the task `my_text_classification`."""

from lightning_transformers.testing import TaskContract

from tasks.my_text_classification.model import MyTextClassificationTransformer


class TestMyTextClassification(TaskContract):
    """Check that the config names the class, it trains, and its hooks are called."""

    task = "nlp/my_text_classification"
    task_class = MyTextClassificationTransformer
