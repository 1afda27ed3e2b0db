"""Time and memory of an epoch."""

import time

import torch
from pytorch_lightning import Callback, LightningModule, Trainer


class EpochStatistics(Callback):
    """Log the duration and the peak GPU memory of each epoch, including its validation.

    Logs `epoch/seconds` and `epoch/peak_memory_gib`, the peak memory of tensors on a CUDA device
    in GiB, each as the maximum over the ranks.
    """

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the timer, and reset the peak memory of the device."""
        if pl_module.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(pl_module.device)
            torch.cuda.synchronize(pl_module.device)
        self.started = time.perf_counter()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Log time and memory."""
        statistics = {}
        if pl_module.device.type == "cuda":
            torch.cuda.synchronize(pl_module.device)
            peak = torch.cuda.max_memory_allocated(pl_module.device)
            statistics["epoch/peak_memory_gib"] = peak / 2**30
        statistics["epoch/seconds"] = time.perf_counter() - self.started
        pl_module.log_dict(statistics, reduce_fx="max", sync_dist=True)
