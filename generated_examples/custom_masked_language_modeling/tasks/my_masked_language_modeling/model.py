"""Model of the task `my_masked_language_modeling`."""

from lightning_transformers.task.nlp.masked_language_modeling import (
    MaskedLanguageModelingTransformer,
)
from torch.nn.utils import get_total_norm
from torch.optim import Optimizer


class MyMaskedLanguageModelingTransformer(MaskedLanguageModelingTransformer):
    """Masked language model."""

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        """Called before the gradients are clipped and the optimizer steps."""
        super().on_before_optimizer_step(optimizer)
        # Before clipping, in the unit of trainer.gradient_clip_val.
        gradients = [p.grad for p in self.parameters() if p.grad is not None]
        self.log("train/grad_norm", get_total_norm(gradients))
