"""Training throughput."""

import time
from typing import Annotated, Any

import torch
from lightning_fabric.utilities.throughput import get_available_flops
from pydantic import Field
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from lightning_transformers.base.types import Batch
from lightning_transformers.models.backbone import model_of
from lightning_transformers.training.trainer_fields import fields


class Throughput(Callback):
    """Log samples and tokens per second, and the model FLOPs utilization (MFU).

    Logs every `log_every_n_steps`: `throughput/samples_per_second` and
    `throughput/tokens_per_second` without padding, summed over all devices, and `throughput/mfu`
    (Chowdhery et al., "PaLM", 2022, appendix B). Each covers the steps since the previous log,
    without validation. The host synchronizes with the device only to log.

    If the peak FLOP/s are known, FLOPs are counted in the forward and backward pass of the first
    batch, which the rates exclude, and scaled with the size of other batches.

    Args:
        peak_flops: peak FLOP/s of a device in the training precision; None: from Lightning's table,
            without MFU for other devices.
    """

    def __init__(self, peak_flops: Annotated[float, Field(gt=0)] | None = None) -> None:
        self.peak_flops = peak_flops
        self.counter: Any = None
        self.flops_per_element: float | None = None
        self.tokens: Tensor | None = None

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Look up the peak FLOP/s of the device."""
        device = trainer.strategy.root_device
        if self.peak_flops is None and device.type == "cuda":
            self.peak_flops = get_available_flops(device, compute_type(str(trainer.precision)))

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start measuring."""
        self.restart(trainer)

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Start to count the FLOPs of the first batch, if the peak FLOP/s are known."""
        wanted = self.peak_flops is not None and self.flops_per_element is None
        if wanted and self.counter is None:
            self.counter = FlopCounterMode(display=False)
            self.counter.__enter__()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Count the batch; every `log_every_n_steps`, log the rates and restart.

        The batch whose FLOPs are counted is excluded.
        """
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
        """Exclude the time of the validation."""
        self.restart(trainer)

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Stop counting: the counter covers every operation of the process."""
        if self.counter is not None:
            self.stop_counting()

    def stop_counting(self) -> int:
        """Stop the counter and return its FLOPs."""
        counter, self.counter = self.counter, None
        counter.__exit__(None, None, None)
        return int(counter.get_total_flops())

    def restart(self, trainer: Trainer) -> None:
        """Reset the counts, and start the timer once the device has finished its queued work."""
        self.step = trainer.global_step
        self.elements = self.samples = 0
        self.tokens = None
        wait_for(trainer.strategy.root_device)
        self.started = time.perf_counter()

    def rates(self, trainer: Trainer) -> dict[str, float]:
        """Return the metrics of the batches since the last `restart`, by name."""
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
    """Return the number of tokens without padding, a scalar, or None if it is unknown.

    Args:
        batch: `attention_mask` or, for packed documents, `position_ids`, each (batch, seq).
    """
    if "attention_mask" in batch:
        return batch["attention_mask"].sum()
    if "position_ids" in batch:
        # Each packed document has two or more tokens; all padding has position 0.
        return (batch["position_ids"] > 0).sum() + (batch["position_ids"] == 1).sum()
    return None


def compute_type(precision: str) -> torch.dtype:
    """Return the dtype of matrix products for a trainer's precision, such as `bf16-mixed`."""
    bits, _, _ = precision.partition("-")
    return {"bf16": torch.bfloat16, "16": torch.float16, "64": torch.float64}.get(
        bits, torch.float32
    )


def wait_for(device: torch.device) -> None:
    """Wait until the device has finished its queued work."""
    if device.type != "cpu":
        torch.accelerator.synchronize(device)
