"""Pictures on disk, and data modules that read them."""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Images

from lightning_transformers.models.backbone import Backbone
from lightning_transformers.task.vision.image_classification import (
    ImageClassificationDataModule,
)

VIT = {
    "pretrained_model_name_or_path": "pkg://lightning_transformers/assets/tiny/vit",
    "random_weights": True,
}


PROCESSOR = Backbone(**VIT).load_image_processor()


CLASSES = ["bus", "car", "train"]


def image(number: int) -> Images.Image:
    """Return noise in one of three colors, which stand for the classes."""
    pixels = np.random.default_rng(number).integers(0, 120, (10, 12, 3), dtype=np.uint8)
    pixels[..., 2 - number % 3] += 100
    return Images.fromarray(pixels)


def write_photos(project: Path) -> Path:
    """Return a folder with a folder of 10 images for each class."""
    for number in range(30):
        folder = project / "photos [1]" / "all" / CLASSES[number % 3]
        folder.mkdir(parents=True, exist_ok=True)
        image(number).save(folder / f"{number:02}.png")
    return project / "photos [1]" / "all"


def data_module(**values: Any) -> ImageClassificationDataModule:
    return ImageClassificationDataModule(PROCESSOR, **values)


def validation_batches(data: ImageClassificationDataModule) -> list[Any]:
    data.setup("fit")
    return list(data.val_dataloader())
