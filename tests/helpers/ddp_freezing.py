"""`task.freeze_epochs` on two ranks; started by `test_freezing.py`.

Each rank writes its weights after each epoch to the file that the argument and its number name.
"""

import os
import sys
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor

from lightning_transformers.task.nlp.language_modeling import LanguageModelingTransformer
from tests.helpers.language_modeling import BACKBONE, sample, trainer
from tests.helpers.recipe_runs import values

GLOBAL_BATCH = 8
SGD = {"_target_": "torch.optim.SGD", "lr": 0.1}
"""Adam would enlarge the rounding of small gradients, which depends on the number of ranks."""
DROPOUTS = dict.fromkeys(["resid_pdrop", "embd_pdrop", "attn_pdrop"], 0.0)
"""Ranks draw different masks, with which no result would equal that of one process."""


class Epochs(Callback):
    """Keeps the weights before the first epoch and after each."""

    def __init__(self) -> None:
        self.weights: list[dict[str, Tensor]] = []

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Keep the initial weights."""
        self.weights.append(values(pl_module))

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Keep the weights of an epoch."""
        self.weights.append(values(pl_module))


def frozen_then_trained(ranks: int = 1, **arguments: Any) -> list[dict[str, Tensor]]:
    """Return the weights before and after each of three epochs, the first with a frozen backbone.

    Args:
        ranks: number of ranks, among which the rows of a step are divided.
        arguments: arguments of the trainer.
    """
    torch.manual_seed(0)
    backbone = {**BACKBONE, "config": DROPOUTS}
    keys: dict[str, Any] = {"freeze": "backbone", "freeze_epochs": 1, "head_learning_rate": 0.01}
    task = LanguageModelingTransformer(backbone, optimizer=SGD, **keys)
    epochs = Epochs()
    limits = {"max_epochs": 3, "limit_train_batches": 2, "limit_val_batches": 0}
    run = trainer(Path.cwd(), callbacks=[epochs], precision="64-true", **limits, **arguments)
    run.fit(task, sample(batch_size=GLOBAL_BATCH // ranks))
    return epochs.weights


if __name__ == "__main__":
    found = frozen_then_trained(2, strategy="ddp", devices=2)
    torch.save(found, f"{sys.argv[1]}{os.environ['LOCAL_RANK']}")
