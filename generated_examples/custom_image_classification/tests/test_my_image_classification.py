"""Tests of the task `my_image_classification`."""

from lightning_transformers.testing import TaskContract

from tasks.my_image_classification.model import MyImageClassificationTransformer


class TestMyImageClassification(TaskContract):
    """Check that the config names the class, it trains, and its hooks are called."""

    task = "vision/my_image_classification"
    task_class = MyImageClassificationTransformer
