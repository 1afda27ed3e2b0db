"""Sharding of weights over devices."""

from typing import Any, cast

from pytorch_lightning import Trainer
from pytorch_lightning.strategies import (
    DDPStrategy,
    DeepSpeedStrategy,
    FSDPStrategy,
    ModelParallelStrategy,
    SingleDeviceStrategy,
    Strategy,
)
from torch.distributed.fsdp import fully_shard, register_fsdp_forward_method

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.models.layers import transformer_layers

SHARDED: tuple[type[Strategy], ...] = (DeepSpeedStrategy, FSDPStrategy, ModelParallelStrategy)


class FullyShardedStrategy(ModelParallelStrategy):
    """Shards weights, gradients and optimizer states over all devices, layer by layer (FSDP2).

    Zhao et al., "PyTorch FSDP: Experiences on Scaling Fully Sharded Data Parallel", 2023. Unlike
    Lightning's `fsdp`, it keeps the parameters' shapes, by which the task selects weight decay,
    runs on CPUs, and writes a checkpoint as one file.
    """

    def __init__(self) -> None:
        super().__init__(tensor_parallel_size=1, save_distributed_checkpoint=False)

    def setup_environment(self) -> None:
        """Create a device mesh over all devices."""
        self._data_parallel_size = self.num_nodes * self.num_processes
        super().setup_environment()

    def setup(self, trainer: Trainer) -> None:
        """Shard the model before it moves to the device and the optimizer is built."""
        assert self.model is not None
        self.model = self.precision_plugin.convert_module(self.model)
        model = cast(Any, self.lightning_module).model
        mesh = self.device_mesh["data_parallel"]
        for part in (*transformer_layers(model), model):
            # Reshard the root too: hooks after an evaluation need the weights sharded.
            fully_shard(part, mesh=mesh, reshard_after_forward=True)
        register_fsdp_forward_method(model, "generate")
        # ModelParallelStrategy.setup would call the task's configure_model to shard.
        super(ModelParallelStrategy, self).setup(trainer)


def refuse_strategies(
    trainer: Trainer, option: str, strategies: tuple[type[Strategy], ...] = SHARDED
) -> None:
    """Check that an option works with the trainer's strategy.

    Args:
        trainer: the trainer.
        option: the option, as the message names it, such as `callbacks=pruning`.
        strategies: strategies that the option does not support; all sharding ones by default.

    Raises:
        ConfigurationError: if the trainer has one of the strategies.
    """
    if isinstance(trainer.strategy, strategies):
        raise ConfigurationError(
            f"{option} does not work with {type(trainer.strategy).__name__}: remove it, or set "
            "trainer=ddp"
        )


def uses_plain_strategy(strategy: object) -> bool:
    """Return whether a strategy leaves each parameter whole on each device."""
    return type(strategy) in (SingleDeviceStrategy, DDPStrategy)


def supports_fused(trainer: Trainer) -> bool:
    """Return whether a trainer supports a fused optimizer.

    Lightning refuses to clip gradients with one in mixed precision.
    """
    return (
        uses_plain_strategy(trainer.strategy)
        and trainer.strategy.root_device.type in ("cpu", "cuda")
        and not str(trainer.precision).endswith("mixed")
    )
