"""Tests of the task `my_summarization`."""

from lightning_transformers.testing import TaskContract

from tasks.my_summarization.model import MySummarizationTransformer


class TestMySummarization(TaskContract):
    """Check that the config names the class, it trains, and its hooks are called."""

    task = "nlp/my_summarization"
    task_class = MySummarizationTransformer
