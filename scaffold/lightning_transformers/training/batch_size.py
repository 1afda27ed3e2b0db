"""A run that resumes with another batch size or number of ranks continues at the same row."""

import logging
from typing import Any

from pytorch_lightning import LightningDataModule, Trainer
from pytorch_lightning.callbacks import GradientAccumulationScheduler

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.base.types import Checkpoint
from lightning_transformers.training.formulas import recorded_formulas
from lightning_transformers.training.resume import KEY
from lightning_transformers.training.trainer_fields import fields

log = logging.getLogger(__name__)

STEP_ROWS = "step_rows"
"""Key of a checkpoint: the rows of an optimizer step, on all ranks."""


def convert_progress(trainer: Trainer, checkpoint: Checkpoint) -> None:
    """Convert the numbers of batches in a checkpoint to the batch size of the trainer's data.

    The rows of an epoch have an order that does not depend on the batch size, so the same rows
    remain. Batches count on each rank. A line in the log says what is not as before.

    Args:
        trainer: the trainer, which resumes from the checkpoint.
        checkpoint: the content; changed in place.

    Raises:
        ConfigurationError: if no whole number of batches has the rows that are done, or for a
            stream that other processes have begun to read.
    """
    recorded = checkpoint.get(LightningDataModule.CHECKPOINT_HYPER_PARAMS_KEY, {})
    then, now = recorded.get("batch_size"), getattr(fields(trainer).datamodule, "batch_size", None)
    if then is None or now is None or KEY not in checkpoint:
        return
    ranks = len(checkpoint[KEY])
    before, after = then * ranks, now * trainer.world_size
    progress = checkpoint["loops"]["fit_loop"]["epoch_loop.batch_progress"]
    is_within = progress["current"]["processed"] and not progress["is_last_batch"]
    if recorded.get("streaming") and is_within:
        require_same_readers(ranks, recorded.get("num_workers"), trainer)
    report_changes(trainer, checkpoint, after)
    if before == after:
        return
    rows = progress["current"]["processed"] * before
    if rows % after and not progress["is_last_batch"]:
        raise ConfigurationError(
            f"the checkpoint is {rows} rows into its epoch, no multiple of the {after} rows of a "
            f"batch on {trainer.world_size} device(s) with training.batch_size={now}: resume with "
            f"{then}, or a divisor of it"
        )
    for counts in (progress["total"], progress["current"]):
        convert(counts, before, after)
    log.info(
        "a batch has %d rows, and %d before the resume: the epoch continues after its first %d "
        "rows",
        *(after, before, rows),
    )


def require_same_readers(ranks: int, workers: int | None, trainer: Trainer) -> None:
    """Check that a stream is continued by as many processes as have begun it.

    Each reads files of its own, so that on another number of them other rows would be done.

    Args:
        ranks: number of ranks before.
        workers: dataloader workers of a rank before.
        trainer: the trainer, which resumes.

    Raises:
        ConfigurationError: otherwise.
    """
    readers = {
        "trainer.devices": (ranks, trainer.world_size),
        "training.num_workers": (workers, getattr(fields(trainer).datamodule, "num_workers", None)),
    }
    for name, (then, now) in readers.items():
        if then != now:
            raise ConfigurationError(
                f"an epoch of a stream continues with as many processes as began it, "
                f"{name}={then}, not {now}: set that, or resume from a checkpoint at the end of an "
                "epoch"
            )


def report_changes(trainer: Trainer, checkpoint: Checkpoint, rows: int) -> None:
    """Log what differs from the run of a checkpoint, with other ranks or rows of a step.

    Args:
        trainer: the trainer, which resumes from the checkpoint.
        checkpoint: the content.
        rows: rows of a batch, on all ranks.
    """
    then, now = len(checkpoint[KEY]), trainer.world_size
    recorded, step_rows = checkpoint.get(STEP_ROWS), rows * trainer.accumulate_grad_batches
    is_scheduled = any(
        isinstance(callback, GradientAccumulationScheduler)  # sets it when the epoch starts
        for callback in fields(trainer).callbacks
    )
    if recorded and recorded != step_rows and not is_scheduled:
        advice = "set trainer.accumulate_grad_batches or training.batch_size"
        if recorded % rows == 0:
            advice = f"set trainer.accumulate_grad_batches={recorded // rows}"
        log.warning(
            "a step has %d rows, and had %d before the resume: the losses differ; %s to keep them",
            *(step_rows, recorded, advice),
        )
    if then != now:
        order = "the rows of each step are the same"
        if recorded_formulas(checkpoint) < 5:
            order = "the last step of an epoch may have other rows (a run of an earlier version)"
        log.warning(
            "resuming on %d ranks a run of %d: %s, random numbers such as those of dropout and "
            "masking differ",
            *(now, then, order),
        )


def convert(counts: dict[str, Any], before: int, after: int) -> None:
    """Convert the numbers of batches of a progress; those begun or not completed stay so.

    Args:
        counts: `ready`, `started`, `processed` and `completed`; changed in place.
        before: rows of a batch of the checkpoint, on all ranks.
        after: rows of a batch from now on.
    """
    done = counts["processed"]
    converted = -(-done * before // after)
    for name in counts:
        counts[name] += converted - done
