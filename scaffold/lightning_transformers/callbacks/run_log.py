"""Progress of a fit, line by line."""

import resource
import sys
import time
from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.trainer.states import TrainerFn
from pytorch_lightning.utilities import rank_zero_only

from lightning_transformers.base.run_log import in_one_line, log_detail
from lightning_transformers.training.trainer_fields import fields

MIB = 2**20


class RunLog(Callback):
    """Log parameters, an estimate of time and memory, logged steps and validations, a line each.

    The lines go to the log file of the run, and to the console where that is not a terminal. The
    estimate follows the first backward pass, before the first step of the optimizer: it costs
    nothing and includes the activations, but the first batch takes longer than others.
    """

    def __init__(self) -> None:
        self.started = 0.0
        self.first_step = self.last_step = 0
        self.is_estimated = False

    @rank_zero_only
    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Log the parameters and the planned steps."""
        self.started, self.is_estimated = time.monotonic(), False
        self.first_step = self.last_step = trainer.global_step
        sizes = [p.numel() for p in pl_module.parameters()]
        trained = sum(p.numel() for p in pl_module.parameters() if p.requires_grad)
        log_detail(
            "parameters: %s, %s trainable; training starts at step %d of %s",
            f"{sum(sizes):,}",
            f"{trained:,}",
            trainer.global_step,
            steps_of(trainer) or "unknown",
        )

    @rank_zero_only
    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Start the timer of the first batch."""
        if not self.is_estimated:
            self.batch_started = time.monotonic()

    @rank_zero_only
    def on_after_backward(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Log the estimate."""
        if self.is_estimated:
            return
        self.is_estimated = True
        device = trainer.strategy.root_device
        if device.type == "cuda":
            torch.cuda.synchronize(device)
            used = torch.cuda.max_memory_allocated(device) / MIB
        else:
            unit = 1 if sys.platform == "darwin" else 1024
            used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / MIB
        used += bytes_of_optimizer(trainer) / MIB
        seconds = time.monotonic() - self.batch_started
        steps = (steps_of(trainer) or 0) - trainer.global_step
        total = seconds * steps * trainer.accumulate_grad_batches
        log_detail(
            "estimate: %s without validation, from the first batch (%s); %s MiB of memory on %s",
            f"about {duration(total)}" if steps > 0 else "unknown time",
            duration(seconds),
            f"{used:,.0f}",
            device,
        )

    @rank_zero_only
    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Log the step every `log_every_n_steps`."""
        every, step = fields(trainer).log_every_n_steps, trainer.global_step
        if not every or step % every or step == self.last_step:
            return
        self.last_step = step
        metrics = trainer.callback_metrics
        values = {name: metrics[name] for name in metrics if name.startswith("train/")}
        rate = trainer.optimizers[0].param_groups[0]["lr"]
        steps, seconds = steps_of(trainer), time.monotonic() - self.started
        left = seconds / max(1, step - self.first_step) * (steps - step) if steps else None
        log_detail(
            "step %s, epoch %d: %s, lr %.3g; %s%s",
            f"{step} of {steps}" if steps else step,
            trainer.current_epoch + 1,
            in_one_line(values) or "no metric",
            rate,
            duration(seconds),
            "" if left is None else f", {duration(left)} left",
        )

    @rank_zero_only
    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Log the metrics of a validation."""
        if not trainer.sanity_checking:
            metrics = trainer.callback_metrics
            values = {name: metrics[name] for name in metrics if name.startswith("val/")}
            fits = trainer.state.fn == TrainerFn.FITTING  # not before a fit or in an evaluation
            step = f" at step {trainer.global_step}" if fits else ""
            log_detail("validation%s: %s", step, in_one_line(values) or "no metric")


def steps_of(trainer: Trainer) -> int | None:
    """Return the number of optimizer steps at which a fit will end, None if it is unknown."""
    steps = trainer.estimated_stepping_batches
    return int(steps) if 0 <= steps < float("inf") else None


def bytes_of_optimizer(trainer: Trainer) -> int:
    """Return the memory that the optimizers will allocate in their first step.

    Two values per parameter for Adam and its kin, else one; zero once a state exists.
    """
    total = 0
    for optimizer in trainer.optimizers:
        values = 2 if "betas" in optimizer.defaults else 1
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        if not optimizer.state:
            total += values * sum(p.numel() * p.element_size() for p in parameters)
    return total


def duration(seconds: float) -> str:
    """Return a duration in seconds, minutes or hours."""
    for unit, size in {"h": 3600, "min": 60}.items():
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.3g} s"
