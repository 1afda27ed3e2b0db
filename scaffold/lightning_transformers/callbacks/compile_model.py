"""Compile the model with torch.compile."""

from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer

from lightning_transformers.models.backbone import model_of


class CompileModel(Callback):
    """Compile the model with `torch.compile`, in place: its parameters keep their names.

    The first step is slow, and so is the first step with another batch shape.

    Args:
        backend: compiler backend; `inductor` requires a C++ compiler on the CPU.
        mode: mode of inductor: `default`, `reduce-overhead`, `max-autotune` or
            `max-autotune-no-cudagraphs`.
        dynamic: compile kernels for dynamic shapes; None: from the second shape on.
        fullgraph: raise an error if the model cannot be compiled as one graph.
    """

    def __init__(
        self,
        backend: str = "inductor",
        mode: str | None = None,
        dynamic: bool | None = None,
        fullgraph: bool = False,
    ) -> None:
        self.arguments: dict[str, Any] = {
            "backend": backend,
            "mode": mode,
            "dynamic": dynamic,
            "fullgraph": fullgraph,
        }

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Mark the model for compilation on its first call in a fit."""
        if stage == "fit":
            model_of(pl_module).compile(**self.arguments)
