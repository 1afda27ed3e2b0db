"""Tests of the task `my_token_classification`."""

from lightning_transformers.testing import TaskContract

from tasks.my_token_classification.model import MyTokenClassificationTransformer


class TestMyTokenClassification(TaskContract):
    """Check that the config names the class, it trains, and its hooks are called."""

    task = "nlp/my_token_classification"
    task_class = MyTokenClassificationTransformer
