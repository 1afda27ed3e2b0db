"""Model of the task `my_language_modeling`."""

import torch
from lightning_transformers import Batch
from lightning_transformers.task.nlp.language_modeling import (
    LanguageModelingTransformer,
)
from torch import Tensor


class MyLanguageModelingTransformer(LanguageModelingTransformer):
    """Causal language model."""

    noise_std: float = 0.1  # standard deviation of the noise

    def setup(self, stage: str) -> None:
        """Called on every process before fit, validate, test or predict."""
        super().setup(stage)
        # In on_fit_start, DDP would have wrapped the model already.
        if stage == "fit":
            for parameter in self.model.base_model.parameters():
                parameter.requires_grad = False

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the loss of one training batch."""
        # Before the forward: autograd refuses a weight that changes after it.
        generator = self.generator("weight_noise")
        with torch.no_grad():
            for parameter in self.model.parameters():
                if parameter.requires_grad:
                    noise = torch.empty_like(parameter)
                    noise.normal_(std=self.noise_std, generator=generator)
                    parameter.add_(noise)
        return super().training_step(batch, batch_idx)
