"""Stops a fit whose loss is no longer finite, and saves no checkpoint of destroyed weights."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.trainer.states import TrainerFn
from torch import Tensor

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.base.types import Checkpoint
from lightning_transformers.models.local_shards import local_shard
from lightning_transformers.training.trainer_fields import fields

ADVICE = (
    "correct these rows and resume, or start a new run with a lower optimizer.lr or "
    "trainer.gradient_clip_val=1 (trainer.detect_anomaly=true names the operation)"
)
READ_AFTER = 50
"""Batches between two reads of a fit that logs no steps."""


@dataclass(frozen=True)
class Place:
    """A training batch: numbers of its step in the run, epoch, and batch in the epoch, from 0."""

    step: int
    epoch: int
    batch: int


class FiniteLoss(Callback):
    """Ends a fit after steps in a row whose loss is not finite.

    A value on a GPU is read together with those of the other batches since the last logged step:
    each read waits for the GPU. A checkpoint of weights that are not finite ends the fit at once,
    so none is ever written.

    Args:
        patience: the number of steps.
        rows_of: returns the rows of a batch of a rank, in words, or None if they are unknown.
        last_checkpoint: returns the newest checkpoint of the run in words.
    """

    def __init__(
        self,
        patience: int,
        rows_of: Callable[[Place, int], str | None],
        last_checkpoint: Callable[[], str],
    ) -> None:
        self.patience, self.rows_of, self.last_checkpoint = patience, rows_of, last_checkpoint
        self.unread: list[tuple[Place, Tensor]] = []
        self.bad: dict[int, tuple[Place, int, float]] = {}
        """The present steps in a row: their first bad batch, its rank and its loss."""

    def on_before_backward(
        self, trainer: Trainer, pl_module: LightningModule, loss: Tensor
    ) -> None:
        """Keep the loss, a scalar."""
        place = Place(trainer.global_step, trainer.current_epoch, trainer.fit_loop.batch_idx)
        self.unread.append((place, loss.detach().float()))

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Read the losses if due.

        Raises:
            ConfigurationError: if as many steps in a row had a loss that is not finite.
        """
        waits = trainer.world_size > 1 or trainer.strategy.root_device.type != "cpu"
        every = (fields(trainer).log_every_n_steps or READ_AFTER) if waits else 1
        if len(self.unread) >= every:
            self.read(trainer)
            if len(self.bad) >= self.patience:
                raise self.error(trainer)

    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: Checkpoint
    ) -> None:
        """Check the weights.

        Raises:
            ConfigurationError: if they are not finite.
        """
        if trainer.state.fn != TrainerFn.FITTING:
            return
        trained = (local_shard(p.detach()) for p in pl_module.parameters() if p.requires_grad)
        finite = [weights.isfinite().all() for weights in trained]
        destroyed = bool(finite) and not torch.stack(finite).all().item()
        if trainer.strategy.reduce_boolean_decision(destroyed, all=False):
            if self.unread:
                self.read(trainer)
            raise self.error(trainer)

    def read(self, trainer: Trainer) -> None:
        """Read the losses of all ranks since the last read."""
        losses = torch.stack([loss for _, loss in self.unread])
        everyone = trainer.strategy.all_gather(losses) if trainer.world_size > 1 else losses[None]
        is_bad = ~everyone.isfinite()
        for number, (place, _) in enumerate(self.unread if is_bad.any() or self.bad else ()):
            ranks = is_bad[:, number].nonzero().flatten().tolist()
            if ranks:
                value = everyone[ranks[0], number].item()
                self.bad.setdefault(place.step, (place, ranks[0], value))
            elif place.step not in self.bad:
                self.bad.clear()
        self.unread.clear()

    def error(self, trainer: Trainer) -> ConfigurationError:
        """Return the error, which names the first bad batch, its rows and the last checkpoint."""
        end = f"{self.last_checkpoint()}: {ADVICE}"
        if not self.bad:
            return ConfigurationError(
                f"the weights are not finite after step {trainer.global_step}; {end}"
            )
        place, rank, value = next(iter(self.bad.values()))
        rows = self.rows_of(place, rank)
        on_rank = f" on rank {rank}" if trainer.world_size > 1 else ""
        return ConfigurationError(
            f"the loss is {value} from step {place.step + 1} on (batch {place.batch} of epoch "
            f"{place.epoch}{on_rank}), {len(self.bad)} step(s) in a row; "
            f"{f'its rows: {rows}; ' if rows else ''}{end}"
        )
