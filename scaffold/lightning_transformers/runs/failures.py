"""Failures of a fit that need no traceback: each is one line, with what to do."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from datasets import Dataset
from omegaconf import DictConfig, OmegaConf

from lightning_transformers.base.errors import ConfigurationError, first_line
from lightning_transformers.base.run_folder import CHECKPOINTS
from lightning_transformers.config.launcher import lost_rank
from lightning_transformers.data.complete import report_of
from lightning_transformers.data.dataloaders import EpochSampler
from lightning_transformers.training.checkpoint import newest_checkpoint, progress, read_checkpoint

if TYPE_CHECKING:
    from pytorch_lightning import Trainer

    from lightning_transformers.core import TransformerDataModule
    from lightning_transformers.core.finite_loss import Place

BATCH_COUNTS = ("accumulate_grad_batches", "val_check_interval", "limit_train_batches")
"""Arguments of the trainer that count batches."""
SHOWN = 32
"""Rows that a message lists."""


class RunError(ConfigurationError):
    """A failure whose cause is known.

    Args:
        line: the fact and what to do.
        overrides: with these, the run can be resumed.
    """

    def __init__(self, line: str, overrides: list[str] | None = None) -> None:
        super().__init__(line)
        self.overrides = overrides or []


def known_failure(error: BaseException, config: DictConfig, trainer: Trainer) -> RunError | None:
    """Return the failure that an error of a fit stands for, None if its cause is unknown.

    Args:
        error: the error.
        config: the composed config.
        trainer: the trainer of the fit.
    """
    if isinstance(error, torch.OutOfMemoryError):
        return out_of_memory(config, trainer)
    if isinstance(error, RuntimeError) and str(error).startswith("DataLoader worker"):
        return RunError(
            f"a dataloader process has died ({first_line(error)}): lower training.num_workers "
            "(0 shows an error of its own), and continue with resume=auto"
        )
    line = lost_rank(error) if trainer.world_size > 1 else None
    return RunError(line) if line else None


def out_of_memory(config: DictConfig, trainer: Trainer) -> RunError:
    """Return the failure of a batch that does not fit into memory.

    Its smallest divisor splits the batch size, and multiplies what counts batches, so that a step
    keeps its rows.

    Args:
        config: the composed config.
        trainer: the trainer of the fit.
    """
    size, device = int(config.dataset.batch_size), trainer.strategy.root_device
    fact = f"out of memory on {device} with a batch of {size} row(s)"
    if size == 1:
        return RunError(
            f"{fact}: set trainer.precision=bf16-mixed, callbacks=[default,gradient_checkpointing] "
            "or peft=lora, or shorten the rows, and continue with resume=auto"
        )
    factor = next(n for n in range(2, size + 1) if size % n == 0)
    group = "training" if OmegaConf.is_interpolation(config.dataset, "batch_size") else "dataset"
    overrides = [f"{group}.batch_size={size // factor}"]
    for name in BATCH_COUNTS:
        value = config.trainer.get(name)
        if isinstance(value, int):
            overrides.append(f"trainer.{name}={value * factor}")
    return RunError(
        f"{fact}: continue with {' '.join(overrides)} resume=auto, which keeps the rows of a step",
        overrides,
    )


def last_checkpoint(folder: Path) -> str:
    """Return the newest checkpoint of a run folder in words."""
    path = newest_checkpoint(folder / CHECKPOINTS)
    if path is None:
        return "no checkpoint was saved"
    steps, _ = progress(read_checkpoint(path))
    return f"the last good checkpoint is {os.path.relpath(path, folder)} of step {steps}"


def rows_of_batch(data: TransformerDataModule, place: Place, rank: int) -> str | None:
    """Return the files and lines of the rows of a training batch, or their numbers in the data.

    Args:
        data: the data, of a trainer in a fit.
        place: the batch.
        rank: its rank.

    Returns:
        None for rows that are packed, streamed, or in another order than that of `EpochSampler`.
    """
    sampler = getattr(getattr(data.trainer, "train_dataloader", None), "sampler", None)
    rows = data.select_samples(data.raw_dataset).get("train")
    if not isinstance(sampler, EpochSampler) or not isinstance(rows, Dataset):
        return None
    raw = data.rows_of_examples("train", rows)
    if raw is None or len(raw) != sampler.rows:
        return None
    batch = sampler.batch(sampler.order(place.epoch), place.batch, rank)
    report, places = report_of("train", rows, [raw[number] for number in batch])
    words: dict[int, str] = {}
    for file, line in sorted(places[:SHOWN]):
        words[file] = f"{words[file]}, {line}" if file in words else report.place(file, line)
    return "; ".join(words.values()) + (" …" if len(places) > SHOWN else "")
