"""Model of the task `my_image_classification`."""

from typing import Any

import torch
from lightning_transformers import Batch
from lightning_transformers.task.vision.image_classification import (
    ImageClassificationTransformer,
)


class MyImageClassificationTransformer(ImageClassificationTransformer):
    """Image classification model."""

    max_shift: int = 1  # pixels in either direction

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Any:
        """Return the batch after its transfer to the device."""
        batch = super().on_after_batch_transfer(batch, dataloader_idx)
        if self.trainer.training:
            # Pixels by which the batch moves down and to the right.
            generator = torch.Generator().manual_seed(self.global_step)
            low, high = -self.max_shift, self.max_shift + 1
            shift = torch.randint(low, high, (2,), generator=generator).tolist()
            batch["pixel_values"] = batch["pixel_values"].roll(shift, dims=(-2, -1))
        return batch
