"""Tests of the task `my_multiple_choice`."""

from lightning_transformers.testing import TaskContract

from tasks.my_multiple_choice.model import MyMultipleChoiceTransformer


class TestMyMultipleChoice(TaskContract):
    """Check that the config names the class, it trains, and its hooks are called."""

    task = "nlp/my_multiple_choice"
    task_class = MyMultipleChoiceTransformer
