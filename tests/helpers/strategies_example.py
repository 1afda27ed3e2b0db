"""Train on two ranks with several strategies; started by `test_trainer_configs.py`."""

import json
from pathlib import Path
from typing import Any

from pytorch_lightning import Trainer
from torch.distributed.tensor import DTensor

from lightning_transformers.config.compose import compose
from lightning_transformers.core import TaskTransformer
from lightning_transformers.runs.build import (
    build_data,
    build_model,
    build_trainer,
    seed_everything,
)
from lightning_transformers.runs.train import train

ADDED = "callbacks=[ema_weights,freeze_embeddings,gradual_unfreezing,pruning]"
OVERRIDES = (
    "task=nlp/language_modeling",
    "experiment=smoke",
    "optimizer=adamw",
    "optimizer.lr=1e-3",
    "scheduler=none",
    "dataset.block_size=32",
    "dataset.limit_train_samples=40",
    "training.batch_size=2",
    "trainer.devices=2",
    "trainer.gradient_clip_val=1.0",
    "trainer.limit_val_batches=1",
    "logger=none",
    f"training.run_dir={Path.cwd()}",
)


def fit(*overrides: str, **arguments: Any) -> tuple[Trainer, TaskTransformer]:
    """Train a config with overrides; return the trainer and the task."""
    config = compose([*OVERRIDES, *overrides])
    seed_everything(0)
    data = build_data(config)
    task = build_model(config, data)
    task.model.eval()  # dropout differs between ranks
    trainer = build_trainer(config)
    train(task, data, trainer, **arguments)
    return trainer, task


def agree(trainer: Trainer, task: TaskTransformer) -> bool:
    """Return whether all ranks have the same weights."""
    sums = trainer.strategy.all_gather(sum(p.detach().double().sum() for p in task.parameters()))
    return bool((sums == sums[0]).all())


FSDP = ("trainer=fsdp", "trainer.strategy.save_distributed_checkpoint=false")
"""Its checkpoint is one file, like that of DDP."""

if __name__ == "__main__":
    facts = {}
    trainer, task = fit("trainer=ddp", "callbacks=none", "trainer.max_steps=3")
    trainer.save_checkpoint("ddp.ckpt")
    facts["ddp agrees"] = agree(trainer, task)
    trainer, task = fit("trainer=ddp", ADDED, "trainer.max_steps=3")
    facts["ddp with callbacks agrees"] = agree(trainer, task)
    trainer, task = fit(*FSDP, "callbacks=none", "trainer.max_steps=3")
    trainer.save_checkpoint("fsdp.ckpt")
    parameters = list(task.parameters())
    shares = [p.to_local().numel() / p.numel() for p in parameters if isinstance(p, DTensor)]
    facts["fsdp shards"] = len(shares) == len(parameters) and max(shares) < 1
    resume = {"checkpoint_path": str(Path("fsdp.ckpt").resolve())}
    trainer, _ = fit(*FSDP, "callbacks=none", "trainer.max_steps=4", **resume)
    facts["fsdp resumes"] = trainer.global_step == 4
    if trainer.is_global_zero:
        Path("facts.json").write_text(json.dumps(facts))
