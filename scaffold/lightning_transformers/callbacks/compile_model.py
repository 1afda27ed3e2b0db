"""The model as compiled kernels."""

from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer

from lightning_transformers.models.backbone import model_of


class CompileModel(Callback):
    """Compile the model with `torch.compile`, in place: its parameters keep their names.

    The first steps take long, as do the first ones of another shape of batch.

    Args:
        backend: name of the compiler; `inductor` needs one for C++ on the CPU.
        mode: of inductor: `default`, `reduce-overhead`, `max-autotune` or
            `max-autotune-no-cudagraphs`.
        dynamic: whether one kernel serves all shapes; by default from the second shape on.
        fullgraph: fail where the model cannot be compiled as a whole.
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
        """Have the model compiled when the fit first calls it."""
        if stage == "fit":
            model_of(pl_module).compile(**self.arguments)
