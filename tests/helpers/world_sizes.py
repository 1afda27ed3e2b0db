"""A run that prints the loss of each step; `tests/clusters` starts it with torchrun.

Arguments: the strategy, the rows of a batch, the batches of a step, the step after which the run
ends, and the checkpoint from which it resumes, if any. It saves `at-4.ckpt` after step 4, and
`within.ckpt` after the first batch of step 7, if that has several.
"""

import os
import sys
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import Checkpoint
from torch import distributed

from lightning_transformers.models.sharding import FullyShardedStrategy
from lightning_transformers.runs.build import seed_everything
from lightning_transformers.task.nlp.language_modeling import LanguageModelingTransformer
from lightning_transformers.training.lightning_internals import is_within_step
from tests.helpers.language_modeling import ADAMW, BACKBONE, sample, trainer

NO_DROPOUT = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}
STRATEGIES = {"ddp": lambda: "ddp", "fsdp": FullyShardedStrategy}
ROWS = 37
"""The last step of an epoch has 5 rows, which 4 ranks cannot share evenly."""


class Losses(Checkpoint):
    """Prints the loss of each step, over all of its batches and ranks."""

    def __init__(self) -> None:
        self.sums = torch.zeros(2, dtype=torch.float64)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        task: Any = pl_module
        count = task.weighting.count.double() * (not task.data.is_filler(batch_idx))
        mean = outputs["loss"].double() * trainer.accumulate_grad_batches
        self.sums += torch.stack([mean * count, count])
        if is_within_step(trainer):
            if trainer.global_step == 6:
                trainer.save_checkpoint("within.ckpt")
            return
        if trainer.world_size > 1:
            distributed.all_reduce(self.sums)
        if trainer.is_global_zero:
            total, number = self.sums.tolist()
            print(f"step {trainer.global_step} {total / number!r}", flush=True)
        self.sums.zero_()
        if trainer.global_step == 4:
            trainer.save_checkpoint("at-4.ckpt")


def main(strategy: str, batch: str, accumulated: str, steps: str, *checkpoint: str) -> None:
    """Train from a checkpoint, or from the start."""
    seed_everything(0)
    torch.set_num_threads(1)
    ranks = int(os.environ["WORLD_SIZE"])
    task = LanguageModelingTransformer(BACKBONE | {"config": NO_DROPOUT}, optimizer=ADAMW)
    run = trainer(
        Path.cwd(),
        callbacks=[Losses()],
        devices=int(os.environ["LOCAL_WORLD_SIZE"]),
        num_nodes=ranks // int(os.environ["LOCAL_WORLD_SIZE"]),
        strategy=STRATEGIES[strategy](),
        enable_checkpointing=True,
        accumulate_grad_batches=int(accumulated),
        max_epochs=-1,
        max_steps=int(steps),
        limit_val_batches=0,
    )
    lines = [f"{number} " * (3 + number % 11) for number in range(ROWS)]
    Path("train.txt").write_text("\n".join(lines))
    files = {"dataset_name": None, "train_file": "train.txt", "validation_file": "train.txt"}
    data = sample(batch_size=int(batch), packing="none", num_workers=0, **files)
    run.fit(task, data, ckpt_path=next(iter(checkpoint), None), weights_only=True)
    assert data.dataset is not None
    assert len(data.dataset["train"]) == ROWS


if __name__ == "__main__":
    main(*sys.argv[1:])
