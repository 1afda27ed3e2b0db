"""Tests of the task `my_image_classification`."""

from lightning_transformers.testing import TaskContract

from tasks.my_image_classification.model import MyImageClassificationTransformer


class TestMyImageClassification(TaskContract):
    """Check that the config composes and names the class, and that a batch trains."""

    task = "vision/my_image_classification"
    task_class = MyImageClassificationTransformer
