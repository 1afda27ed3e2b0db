"""The host memory of a rank that loads its shard of a model; `tests/clusters/fsdp` starts two.

Arguments: the folder of the model, and `deferred` or `whole`.
"""

import re
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer

from lightning_transformers.base.lazy import import_uncollected
from lightning_transformers.models.shard_loading import deferred_weights
from lightning_transformers.models.sharding import FullyShardedStrategy
from lightning_transformers.task.nlp.language_modeling import LanguageModelingTransformer
from lightning_transformers.training.resume import local_shard
from tests.helpers.language_modeling import sample, trainer

MB = 2**20


def memory(field: str) -> float:
    """Return a field of this process's status, such as the peak `VmHWM`, in MB."""
    found = re.search(rf"{field}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found
    return int(found[1]) / 1024


def reset_peak() -> float:
    """Return the present memory of this process in MB; its peak counts from here on."""
    Path("/proc/self/clear_refs").write_text("5")
    return memory("VmRSS")


class Measures(Callback):
    """Prints by how much the memory has grown, and the size of this rank's shard.

    Args:
        built: growth of the peak while the model was built.
    """

    def __init__(self, built: float) -> None:
        self.built = built
        self.before = 0.0

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        self.before = reset_peak()

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        parts = [local_shard(p.detach()) for p in pl_module.parameters()]
        total = sum(part.sum(dtype=torch.float64).item() for part in parts)  # reads mapped memory
        own, grown = sum(part.nbytes for part in parts) / MB, memory("VmHWM") - self.before
        print(
            f"shard {own:.1f} built {self.built:.1f} loaded {grown:.1f} sum {total!r}", flush=True
        )


def main(folder: str, how: str) -> None:
    """Build a model and shard it over two ranks."""
    torch.set_num_threads(1)
    data: Any = sample()
    import_uncollected("torch._dynamo", "datasets")  # which the fit imports; no part of loading
    before = reset_peak()
    with deferred_weights() if how == "deferred" else nullcontext():
        task = LanguageModelingTransformer(folder)
    run = trainer(
        Path.cwd(),
        devices=2,
        strategy=FullyShardedStrategy(),
        callbacks=[Measures(memory("VmHWM") - before)],
        max_steps=0,
        max_epochs=-1,
    )
    run.fit(task, data)


if __name__ == "__main__":
    main(*sys.argv[1:])
