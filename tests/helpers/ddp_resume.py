"""A run on two processes, and one that goes on from its midst; started by `test_resume.py`."""

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
MIDST = 5
"""Batches before the checkpoint: one of them belongs to a step that is not done."""


class Noted(Checkpoint):
    """Saves in the midst of a step, and notes the batches from there on."""

    def __init__(self) -> None:
        self.seen: list[int] = []

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if batch_idx >= MIDST:
            self.seen.append(int(batch["input_ids"].sum()))
        elif batch_idx == MIDST - 1:
            trainer.save_checkpoint("midst.ckpt")


def fit(strategy: Any, checkpoint: str | None = None) -> tuple[list[torch.Tensor], list[int]]:
    """Return the parameters in the end and the later batches of this process."""
    task = model(task_class("language_modeling", *RECIPES[strategy]))
    limits = {"limit_train_batches": 9, "limit_val_batches": 0, "accumulate_grad_batches": 2}
    noted = Noted()
    two = {"strategy": STRATEGIES[strategy](), "devices": 2, "enable_checkpointing": True}
    run = trainer(Path.cwd(), callbacks=[noted], **two, **limits)
    run.fit(task, sample(batch_size=4), ckpt_path=checkpoint, weights_only=True)
    return [whole(p.detach()).clone() for p in task.parameters()], noted.seen


if __name__ == "__main__":
    for strategy in STRATEGIES:
        weights, batches = fit(strategy)
        weights_resumed, batches_resumed = fit(strategy, "midst.ckpt")
        same = all(map(torch.equal, weights, weights_resumed)) and batches == batches_resumed
        said = "equal" if same and len(batches) == 4 else f"other: {batches} {batches_resumed}"
        print(f"{strategy}: {said}")
