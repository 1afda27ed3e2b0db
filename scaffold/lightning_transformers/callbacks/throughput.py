"""How fast a training runs."""

import time
from typing import Any

import torch
from lightning_fabric.utilities.throughput import get_available_flops
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from lightning_transformers.base.types import Batch
from lightning_transformers.models.backbone import model_of
from lightning_transformers.training.trainer_fields import fields


class Throughput(Callback):
    """Log samples and tokens a second, and the share of the device's peak that the model uses.

    Logged every `log_every_n_steps` as `throughput/samples_per_second`, of all devices together,
    `throughput/tokens_per_second`, padding not counted, and `throughput/mfu`, the model FLOPs
    utilisation (Chowdhery et al., "PaLM", 2022, appendix B). A rate is over the steps since the
    last one was logged; validation and the first batch are left out. The host waits for the
    device when it logs, and not in between.

    The operations are counted in the first batch, forward and backward, and taken to grow with
    the size of a batch.

    Args:
        peak_flops: operations a second that a device does at most in the precision of the
            training; by default Lightning's table, and no utilisation for what is not in it.
    """

    def __init__(self, peak_flops: float | None = None) -> None:
        self.peak_flops = peak_flops
        self.counter: Any = None
        self.flops_per_element: float | None = None
        self.tokens: Tensor | None = None

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Look the device up."""
        device = trainer.strategy.root_device
        if self.peak_flops is None and device.type == "cuda":
            self.peak_flops = get_available_flops(device, compute_type(str(trainer.precision)))

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start to measure."""
        self.restart(trainer)

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Count the operations of the first batch."""
        wanted = self.peak_flops is not None and self.flops_per_element is None
        if wanted and self.counter is None:
            self.counter = FlopCounterMode(display=False)
            self.counter.__enter__()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Add a batch, and log where the loss is logged."""
        elements = batch[model_of(pl_module).main_input_name].numel()
        if self.counter is not None:
            self.flops_per_element = self.stop_counting() / elements
            self.restart(trainer)
            return
        self.elements += elements
        self.samples += len(next(iter(batch.values())))
        if (count := number_of_tokens(batch)) is not None:
            self.tokens = count if self.tokens is None else self.tokens + count
        stepped, every = trainer.global_step != self.step, fields(trainer).log_every_n_steps
        if stepped and every and trainer.global_step % every == 0:
            pl_module.log_dict(self.rates(trainer))
            self.restart(trainer)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Leave the time of the validation out."""
        self.restart(trainer)

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Count no more: the counter sees every operation of the process."""
        if self.counter is not None:
            self.stop_counting()

    def stop_counting(self) -> int:
        """Return the operations since the counting began, and end it."""
        counter, self.counter = self.counter, None
        counter.__exit__(None, None, None)
        return int(counter.get_total_flops())

    def restart(self, trainer: Trainer) -> None:
        """Measure from here on."""
        self.step = trainer.global_step
        self.elements = self.samples = 0
        self.tokens = None
        wait_for(trainer.strategy.root_device)
        self.started = time.perf_counter()

    def rates(self, trainer: Trainer) -> dict[str, float]:
        """Return what was done since the last start, a second."""
        wait_for(trainer.strategy.root_device)
        seconds = time.perf_counter() - self.started
        per_second = trainer.world_size / seconds
        rates = {"throughput/samples_per_second": self.samples * per_second}
        if self.tokens is not None:
            rates["throughput/tokens_per_second"] = self.tokens.item() * per_second
        if self.peak_flops is not None and self.flops_per_element is not None:
            flops = self.flops_per_element * self.elements
            rates["throughput/mfu"] = flops / seconds / self.peak_flops
        return rates


def number_of_tokens(batch: Batch) -> Tensor | None:
    """Return how many tokens of a batch are no padding, where it tells."""
    if "attention_mask" in batch:
        return batch["attention_mask"].sum()
    if "position_ids" in batch:
        # Of packed documents, each has two tokens or more; padding has position 0 throughout.
        return (batch["position_ids"] > 0).sum() + (batch["position_ids"] == 1).sum()
    return None


def compute_type(precision: str) -> torch.dtype:
    """Return the type that a trainer's precision, such as `bf16-mixed`, multiplies matrices in."""
    bits, _, _ = precision.partition("-")
    return {"bf16": torch.bfloat16, "16": torch.float16, "64": torch.float64}.get(
        bits, torch.float32
    )


def wait_for(device: torch.device) -> None:
    """Return when the device has done what it was given."""
    if device.type != "cpu":
        torch.accelerator.synchronize(device)
