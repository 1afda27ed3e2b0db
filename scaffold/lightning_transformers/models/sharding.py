"""Sharding of weights over devices."""

from pathlib import Path
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
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_model_state_dict,
    get_optimizer_state_dict,
    set_model_state_dict,
    set_optimizer_state_dict,
)
from torch.distributed.checkpoint.state_dict_loader import load
from torch.distributed.fsdp import FSDPModule, fully_shard, register_fsdp_forward_method
from torch.optim import Optimizer

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.base.types import Checkpoint
from lightning_transformers.models.layers import transformer_layers
from lightning_transformers.models.shard_loading import load_shards, sources_of
from lightning_transformers.models.sharded_checkpoint import (
    WEIGHTS,
    ShardedWriter,
    is_sharded,
    read_rest,
    weight_shapes,
)

SHARDED: tuple[type[Strategy], ...] = (DeepSpeedStrategy, FSDPStrategy, ModelParallelStrategy)


class FullyShardedStrategy(ModelParallelStrategy):
    """Shards weights, gradients and optimizer states over all devices, layer by layer (FSDP2).

    Zhao et al., "PyTorch FSDP: Experiences on Scaling Fully Sharded Data Parallel", 2023. Unlike
    Lightning's `fsdp`, it keeps the parameters' shapes, by which the task selects weight decay, and
    runs on CPUs. A task that was built with `deferred_weights` has each rank load its shard alone.

    Args:
        save_distributed_checkpoint: each rank writes its shard, in the background, and a checkpoint
            is a folder that any number of ranks can load; otherwise it is one file, for which
            rank 0 gathers all weights.
    """

    def __init__(self, save_distributed_checkpoint: bool = True) -> None:
        super().__init__(
            tensor_parallel_size=1, save_distributed_checkpoint=save_distributed_checkpoint
        )
        self.is_sharded = save_distributed_checkpoint
        self.writer: ShardedWriter | None = None
        self.is_set_up = False
        self.has_failed = False

    def setup_environment(self) -> None:
        """Create a device mesh over all devices."""
        self._data_parallel_size = self.num_nodes * self.num_processes
        super().setup_environment()

    def setup(self, trainer: Trainer) -> None:
        """Shard the model before it moves to the device and the optimizer is built."""
        assert self.model is not None
        self.writer, self.is_set_up = self.writer or ShardedWriter(), True
        self.has_failed = False
        self.model = self.precision_plugin.convert_module(self.model)
        model = cast(Any, self.lightning_module).model
        if not isinstance(model, FSDPModule):  # as it is in an evaluation after the fit
            self._shard(model)
        # ModelParallelStrategy.setup would call the task's configure_model to shard.
        super(ModelParallelStrategy, self).setup(trainer)

    def _shard(self, model: Any) -> None:
        sources = sources_of(model)
        mesh = self.device_mesh["data_parallel"]
        for part in (*transformer_layers(model), model):
            # Reshard the root too: hooks after an evaluation need the weights sharded.
            fully_shard(part, mesh=mesh, reshard_after_forward=True)
        if sources:
            load_shards(model, sources, mesh)
        if model.can_generate():
            register_fsdp_forward_method(model, "generate")

    def lightning_module_state_dict(self) -> dict[str, Any]:
        """Return the weights, for a sharded checkpoint those of this rank, which are not copied."""
        if not self.is_sharded:
            return super().lightning_module_state_dict()
        assert self.model is not None
        return get_model_state_dict(self.model)

    def optimizer_state(self, optimizer: Optimizer) -> dict[str, Any]:
        """Return the state of an optimizer, as `lightning_module_state_dict` does the weights."""
        if not self.is_sharded:
            return super().optimizer_state(optimizer)
        assert self.model is not None
        return get_optimizer_state_dict(self.model, getattr(optimizer, "_optimizer", optimizer))

    def save_checkpoint(
        self, checkpoint: Checkpoint, filepath: str | Path, storage_options: object = None
    ) -> None:
        """Write a checkpoint; after the fit, return when it is written."""
        if not self.is_sharded:
            super().save_checkpoint(checkpoint, filepath, storage_options)
            return
        assert self.writer is not None
        states = checkpoint.get("optimizer_states", [])
        tensors = {WEIGHTS: checkpoint.pop(WEIGHTS)}
        tensors |= {f"optimizer_{number}": state for number, state in enumerate(states)}
        if states:
            checkpoint["optimizer_states"] = []  # training can resume
        self.writer.save(tensors, checkpoint, Path(self.broadcast(filepath)))
        if not self.is_set_up:
            self.writer.wait()

    def load_checkpoint(
        self, checkpoint_path: str | Path, weights_only: bool | None = None
    ) -> Checkpoint:
        """Load a checkpoint of any number of ranks.

        Raises:
            ConfigurationError: if it lacks a weight of the model.
        """
        path = Path(self.broadcast(checkpoint_path))
        if self.writer:
            self.writer.wait()
        if not is_sharded(path):
            content: Checkpoint = super().load_checkpoint(path, weights_only)
            return content
        assert self.model is not None
        assert self.lightning_module is not None
        weights, saved = get_model_state_dict(self.model), weight_shapes(path)
        lacking = sorted(weights.keys() - saved.keys())
        if lacking and self.lightning_module.strict_loading:
            raise ConfigurationError(
                f"{path} lacks the weight {lacking[0]}: use the task, backbone and labels of its "
                "run"
            )
        # In place: the tensors are those of the model.
        weights = {name: value for name, value in weights.items() if name in saved}
        load({WEIGHTS: weights}, checkpoint_id=path)
        set_model_state_dict(self.model, weights, options=StateDictOptions(strict=False))
        for number, optimizer in enumerate(self.optimizers):
            state = {f"optimizer_{number}": get_optimizer_state_dict(self.model, optimizer)}
            load(state, checkpoint_id=path)
            (content,) = state.values()
            set_optimizer_state_dict(self.model, optimizer, optim_state_dict=content)
        return read_rest(path)

    def remove_checkpoint(self, filepath: str | Path) -> None:
        """Remove a checkpoint once the one that replaces it is written."""
        if self.writer:
            self.writer.wait()
        super().remove_checkpoint(filepath)

    def on_exception(self, exception: BaseException) -> None:
        """Note an error: other ranks may not have it. All ranks exit together on SIGTERM."""
        self.has_failed = not isinstance(exception, SystemExit)

    def teardown(self) -> None:
        """Wait until the last checkpoint is written, after an error without the other ranks."""
        self.is_set_up = False
        if self.writer:
            (self.writer.wait_alone if self.has_failed else self.writer.wait)()
        super().teardown()


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
