"""Tests of the task `my_question_answering`."""

from lightning_transformers.testing import TaskContract

from tasks.my_question_answering.model import MyQuestionAnsweringTransformer


class TestMyQuestionAnswering(TaskContract):
    """The config composes, names the class, and a batch trains."""

    task = "nlp/my_question_answering"
    task_class = MyQuestionAnsweringTransformer
