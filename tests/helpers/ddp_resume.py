"""A run on two ranks, and one resumed from its mid-step checkpoint; started by `test_resume.py`."""

from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import Checkpoint

from lightning_transformers.models.sharding import FullyShardedStrategy
from tests.helpers.language_modeling import model, sample, trainer
from tests.helpers.rendered import task_class
from tests.helpers.weighting_runs import whole

STRATEGIES = {"ddp": lambda: "ddp", "sharded": FullyShardedStrategy}
RECIPES = {"ddp": ("ema_weights", "weight_noise"), "sharded": ("weight_noise",)}
SAVED_AFTER = 5
"""Batches before the checkpoint; the last one belongs to an incomplete step."""


class Observer(Checkpoint):
    """Saves within an accumulated step, and records the batches after the checkpoint."""

    def __init__(self) -> None:
        self.seen: list[int] = []

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if batch_idx >= SAVED_AFTER:
            self.seen.append(int(batch["input_ids"].sum()))
        elif batch_idx == SAVED_AFTER - 1:
            trainer.save_checkpoint("mid-step.ckpt")


def fit(strategy: Any, checkpoint: str | None = None) -> tuple[list[torch.Tensor], list[int]]:
    """Return the final parameters and the batches of this rank after the checkpoint."""
    task = model(task_class("language_modeling", *RECIPES[strategy]))
    limits = {"limit_train_batches": 9, "limit_val_batches": 0, "accumulate_grad_batches": 2}
    observer = Observer()
    two = {"strategy": STRATEGIES[strategy](), "devices": 2, "enable_checkpointing": True}
    run = trainer(Path.cwd(), callbacks=[observer], **two, **limits)
    run.fit(task, sample(batch_size=4), ckpt_path=checkpoint, weights_only=True)
    return [whole(p.detach()).clone() for p in task.parameters()], observer.seen


if __name__ == "__main__":
    for strategy in STRATEGIES:
        weights, batches = fit(strategy)
        weights_resumed, batches_resumed = fit(strategy, "mid-step.ckpt")
        same = all(map(torch.equal, weights, weights_resumed)) and batches == batches_resumed
        result = "equal" if same and len(batches) == 4 else f"other: {batches} {batches_resumed}"
        print(f"{strategy}: {result}")
