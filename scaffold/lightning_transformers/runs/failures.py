"""Failures of a run that need no traceback: each is one line, with what to do."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from traceback import walk_tb
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


def known_failure(
    error: BaseException, config: DictConfig, device: torch.device, trains: bool = True
) -> RunError | None:
    """Return the failure that an error of a run stands for, None if its cause is unknown.

    Args:
        error: the error.
        config: the composed config.
        device: the device of the run.
        trains: whether the run is a training, which can be resumed.
    """
    if isinstance(error, torch.OutOfMemoryError):
        return out_of_memory(config, device, trains)
    if is_of_dead_worker(error):
        again = "continue with resume=auto" if trains else "repeat the command"
        return RunError(
            f"a dataloader process has died ({first_line(error)}): lower training.num_workers "
            f"(0 shows an error of its own), and {again}"
        )
    line = lost_rank(error)
    return RunError(line) if line else None


def is_of_dead_worker(error: BaseException) -> bool:
    """Return whether an error says that a dataloader process has died.

    Torch reports it, unless a batch was on its way: its tensors cannot be received any more.
    """
    if isinstance(error, RuntimeError):
        return str(error).startswith("DataLoader worker")
    names = [str(frame.f_globals.get("__name__")) for frame, _ in walk_tb(error.__traceback__)]
    is_of_connection = bool(names) and names[-1].startswith("multiprocessing.")
    return (
        isinstance(error, EOFError | OSError)
        and is_of_connection
        and "torch.utils.data.dataloader" in names
    )


@contextmanager
def known_failures(config: DictConfig, device: torch.device) -> Iterator[None]:
    """Raise the failures that errors in the block stand for, for a command that does not train.

    Args:
        config: the composed config.
        device: the device of the command.

    Raises:
        RunError: for an error whose cause is known.
    """
    try:
        yield
    except Exception as error:
        if failure := known_failure(error, config, device, trains=False):
            raise failure from error
        raise


def out_of_memory(config: DictConfig, device: torch.device, trains: bool) -> RunError:
    """Return the failure of a batch that does not fit into memory.

    Its smallest divisor splits the batch size. In a training it multiplies what counts batches, so
    that a step keeps its rows.

    Args:
        config: the composed config.
        device: the device.
        trains: whether the run is a training.
    """
    size = int(config.dataset.batch_size)
    fact = f"out of memory on {device} with a batch of {size} row(s)"
    if size == 1:
        return RunError(
            f"{fact}: set trainer.precision=bf16-mixed, callbacks=[default,gradient_checkpointing] "
            "or peft=lora, or shorten the rows, and continue with resume=auto"
            if trains
            else f"{fact}: shorten the rows, or set trainer.accelerator=cpu"
        )
    factor = next(n for n in range(2, size + 1) if size % n == 0)
    group = "training" if OmegaConf.is_interpolation(config.dataset, "batch_size") else "dataset"
    overrides = [f"{group}.batch_size={size // factor}"]
    if not trains:
        return RunError(f"{fact}: repeat the command with {overrides[0]}", overrides)
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
