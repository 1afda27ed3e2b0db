"""Tests of the task `my_image_classification`."""

from lightning_transformers.testing import TaskContract

from tasks.my_image_classification.model import MyImageClassificationTransformer


class TestMyImageClassification(TaskContract):
    """The config composes, names the class, and a batch trains."""

    task = "vision/my_image_classification"
    task_class = MyImageClassificationTransformer
