"""Tests of the task `my_summarization`."""

from lightning_transformers.testing import TaskContract

from tasks.my_summarization.model import MySummarizationTransformer


class TestMySummarization(TaskContract):
    """The config composes, names the class, and a batch trains."""

    task = "nlp/my_summarization"
    task_class = MySummarizationTransformer
