"""Print what a rank's peak memory grows by while it loads its shard, and the shard's bytes.

Argument: the folder of a model. `tests/clusters` starts it with torchrun.
"""

import os
import sys
from pathlib import Path

import transformers.models.llama.modeling_llama  # noqa: F401  # imported before the measurement
from pytorch_lightning import Trainer
from torch import distributed

from lightning_transformers.models.local_shards import local_shard
from lightning_transformers.models.shard_loading import deferred_weights
from lightning_transformers.models.sharding import FullyShardedStrategy
from lightning_transformers.task.nlp.language_modeling import LanguageModelingTransformer
from tests.helpers.language_modeling import ADAMW, sample, trainer


def memory(field: str) -> int:
    """Return bytes of this process: VmRSS, now, or VmHWM, the peak; both with mapped files."""
    (line,) = (x for x in Path("/proc/self/status").read_text().splitlines() if field in x)
    return 1024 * int(line.split()[1])


class Measured(FullyShardedStrategy):
    """Prints the memory of its set-up, which loads the weights."""

    def setup(self, trainer: Trainer) -> None:
        """Measure from the current memory on."""
        distributed.barrier()
        Path("/proc/self/clear_refs").write_text("5")  # VmHWM begins anew
        before = memory("VmRSS")
        super().setup(trainer)
        assert self.model is not None
        # A page of a mapped file counts once it is read.
        shards = [local_shard(p.detach()) for p in self.model.parameters()]
        assert all(shard.isfinite().all() for shard in shards)
        growth, size = memory("VmHWM") - before, sum(shard.nbytes for shard in shards)
        print(f"rank {self.global_rank} grew {growth} shard {size}", flush=True)
        distributed.barrier()
        os._exit(0)


def main(folder: str) -> None:
    """Load a model; the set-up ends the process."""
    with deferred_weights():
        task = LanguageModelingTransformer(folder, optimizer=ADAMW)
    run = trainer(Path.cwd(), strategy=Measured(), devices=2)
    run.fit(task, sample(batch_size=2, num_workers=0))


if __name__ == "__main__":
    main(*sys.argv[1:])
