"""Plot the losses."""

from pathlib import Path
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.utilities import rank_zero_only

from lightning_transformers.base.types import Checkpoint
from lightning_transformers.training.trainer_fields import fields


class LossCurve(Callback):
    """Plot training and validation loss over optimizer steps to a file at the end of a fit.

    Args:
        path: the image file.
    """

    def __init__(self, path: str) -> None:
        self.path = Path(path)
        self.points: dict[str, list[tuple[int, float]]] = {"train/loss": [], "val/loss": []}

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Record the training loss whenever it is logged."""
        every = fields(trainer).log_every_n_steps
        if every and trainer.global_step % every == 0:
            self._record(trainer, "train/loss")

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Record the validation loss."""
        if not trainer.sanity_checking:
            self._record(trainer, "val/loss")

    @rank_zero_only
    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the plot."""
        # Imported here: matplotlib takes half a second to load.
        from matplotlib.figure import Figure

        figure = Figure(figsize=(7, 4), layout="constrained")
        axes = figure.subplots()
        for name, points in self.points.items():
            if points:
                marker = "o" if name.startswith("val") else None
                axes.plot(*zip(*points, strict=True), label=name, marker=marker)
        axes.set(xlabel="optimizer step", ylabel="loss", title=type(pl_module).__name__)
        axes.grid(alpha=0.3)
        if any(self.points.values()):
            axes.legend()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(self.path, dpi=150)

    def state_dict(self) -> Checkpoint:
        """Return the recorded points, so that the plot of a resumed run is complete."""
        return {"points": {name: [list(p) for p in points] for name, points in self.points.items()}}

    def load_state_dict(self, state_dict: Checkpoint) -> None:
        """Restore the points of the resumed run."""
        for name, points in state_dict["points"].items():
            self.points[name] = [(int(step), float(value)) for step, value in points]

    def _record(self, trainer: Trainer, name: str) -> None:
        value = trainer.callback_metrics.get(name)
        points = self.points[name]
        # With gradient accumulation, several batches have the same step.
        if value is not None and (not points or points[-1][0] != trainer.global_step):
            points.append((trainer.global_step, float(value)))
