"""This rank's shards of tensors that FSDP2 distributes over the ranks."""

from torch import Tensor
from torch.distributed.tensor import DTensor


def local_shard(value: Tensor) -> Tensor:
    """Return this rank's shard of a sharded tensor; any other tensor (any shape) unchanged."""
    return value.to_local() if isinstance(value, DTensor) else value


def distribute_like(parameter: Tensor, part: Tensor) -> Tensor:
    """Shard a tensor like a parameter.

    Args:
        parameter: the parameter (any shape).
        part: this rank's shard.

    Returns:
        A tensor of the parameter's shape; `part` itself if the parameter is not sharded.
    """
    if not isinstance(parameter, DTensor):
        return part
    layout = parameter.device_mesh, parameter.placements
    return DTensor.from_local(part, *layout, shape=parameter.shape, stride=parameter.stride())
