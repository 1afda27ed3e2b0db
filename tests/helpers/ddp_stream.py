"""A run on two ranks over a stream of files; `stream_runs` starts it with `ranks`.

Each rank writes what it has read to `<name>-<rank>.json`. With the name `resumed` the run continues
from the checkpoint that the former one has saved within its second epoch. The second argument has
the hyperparameters of the data as JSON.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import Checkpoint

from tests.helpers.language_modeling import TOKENIZER, model, sample, trainer

SAVED_AFTER = 3
"""Batches of the second epoch before the checkpoint."""


class Observer(Checkpoint):
    """Saves within the second epoch, and records the texts of each batch."""

    def __init__(self) -> None:
        self.trained: list[tuple[int, int, list[str]]] = []
        self.evaluated: list[list[str]] = []

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self.trained.append((trainer.current_epoch, batch_idx, texts(batch)))
        if (trainer.current_epoch, batch_idx) == (1, SAVED_AFTER - 1):
            trainer.save_checkpoint("within.ckpt")

    def on_validation_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, *_: Any
    ) -> None:
        if trainer.current_epoch == 0:
            self.evaluated.append(texts(batch))


def texts(batch: Any) -> list[str]:
    """Return the texts of a batch."""
    return [TOKENIZER.decode(ids, skip_special_tokens=True) for ids in batch["input_ids"]]


def main(name: str, settings: str) -> None:
    """Train, and write what this rank has read."""
    task, observer = model(), Observer()
    ranks = int(os.environ.get("WORLD_SIZE", 1))
    arguments = {"devices": ranks, "strategy": "ddp", "enable_checkpointing": True}
    run = trainer(Path.cwd(), max_epochs=3, callbacks=[observer], **arguments)
    unset = dict.fromkeys(("dataset_name", "limit_train_samples", "limit_val_samples"))
    data = sample(batch_size=2, packing="none", streaming=True, **unset | json.loads(settings))
    resumed = "within.ckpt" if name == "resumed" else None
    run.fit(task, data, ckpt_path=resumed, weights_only=True)
    weights = sum(p.detach().double().abs().sum() for p in task.parameters())
    found = {"trained": observer.trained, "evaluated": observer.evaluated}
    file = Path(f"{name}-{os.environ.get('RANK', 0)}.json")
    file.write_text(json.dumps({**found, "weights": repr(weights.item())}))


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(*sys.argv[1:])
