"""Weights that are spread over devices."""

from typing import Any, cast

from pytorch_lightning import Trainer
from pytorch_lightning.strategies import (
    DeepSpeedStrategy,
    FSDPStrategy,
    ModelParallelStrategy,
    Strategy,
)
from torch.distributed.fsdp import fully_shard, register_fsdp_forward_method

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.models.layers import transformer_layers

SHARDED: tuple[type[Strategy], ...] = (DeepSpeedStrategy, FSDPStrategy, ModelParallelStrategy)


class FullyShardedStrategy(ModelParallelStrategy):
    """Spreads weights, gradients and optimizer states over all devices, a layer at a time (FSDP2).

    Zhao et al., "PyTorch FSDP: Experiences on Scaling Fully Sharded Data Parallel", 2023. Unlike
    Lightning's `fsdp` it leaves parameters their shape, by which the task tells what takes weight
    decay, and runs on CPUs as well. A checkpoint is one file, as without it.
    """

    def __init__(self) -> None:
        super().__init__(tensor_parallel_size=1, save_distributed_checkpoint=False)

    def setup_environment(self) -> None:
        """Lay the mesh over all devices."""
        self._data_parallel_size = self.num_nodes * self.num_processes
        super().setup_environment()

    def setup(self, trainer: Trainer) -> None:
        """Shard the model before it moves to the device and the optimizer is built."""
        assert self.model is not None
        self.model = self.precision_plugin.convert_module(self.model)
        model = cast(Any, self.lightning_module).model
        mesh = self.device_mesh["data_parallel"]
        for part in (*transformer_layers(model), model):
            # The outermost part, too: hooks after an evaluation are to see the weights as spread.
            fully_shard(part, mesh=mesh, reshard_after_forward=True)
        register_fsdp_forward_method(model, "generate")
        # The parent's own setup asks the task to shard itself.
        super(ModelParallelStrategy, self).setup(trainer)


def refuse_strategies(
    trainer: Trainer, option: str, strategies: tuple[type[Strategy], ...] = SHARDED
) -> None:
    """Raise ConfigurationError if the trainer has a strategy that `option` does not work with."""
    if isinstance(trainer.strategy, strategies):
        raise ConfigurationError(
            f"{option} does not work with {type(trainer.strategy).__name__}: leave it out, or use "
            "trainer=ddp"
        )
