"""Tests of the task `my_question_answering`."""

from lightning_transformers.testing import TaskContract

from tasks.my_question_answering.model import MyQuestionAnsweringTransformer


class TestMyQuestionAnswering(TaskContract):
    """Check that the config names the class, it trains, and its hooks are called."""

    task = "nlp/my_question_answering"
    task_class = MyQuestionAnsweringTransformer
