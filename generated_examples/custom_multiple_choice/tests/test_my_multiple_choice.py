"""Tests of the task `my_multiple_choice`."""

from lightning_transformers.testing import TaskContract

from tasks.my_multiple_choice.model import MyMultipleChoiceTransformer


class TestMyMultipleChoice(TaskContract):
    """Check that the config composes and names the class, and that a batch trains."""

    task = "nlp/my_multiple_choice"
    task_class = MyMultipleChoiceTransformer
