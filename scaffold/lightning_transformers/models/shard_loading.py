"""Models that are built without weights, of which each rank then loads its shard.

A rank so never holds the whole model: `Backbone` builds it on the meta device, the strategy shards
it, and transformers reads the rows of this rank from the safetensors files.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh
from transformers import PreTrainedModel, modeling_utils
from transformers.distributed.configuration_utils import DistributedConfig
from transformers.utils import logging

from lightning_transformers.models.layers import transformer_layers
from lightning_transformers.models.local_shards import distribute_like, local_shard

SOURCE = "name_in_files"
"""Attribute of a parameter without a value: its name in the model of the files."""
LOAD = "load_shard"
"""Attribute of a model without weights: loads it, given arguments of `from_pretrained`."""

_is_deferred: ContextVar[bool] = ContextVar("deferred_weights", default=False)
_is_skeleton: ContextVar[bool] = ContextVar("no_weights", default=False)


@contextmanager
def deferred_weights() -> Iterator[None]:
    """Build the tasks within the block without their weights.

        from lightning_transformers.models.shard_loading import deferred_weights

        with deferred_weights():
            task = MyTransformer("my-org/large-model")

    `FullyShardedStrategy` loads them, on each rank only its shard; no other strategy does.
    Random or quantized weights, and those of a model whose embedding grows, are built at once.
    """
    token = _is_deferred.set(True)
    try:
        yield
    finally:
        _is_deferred.reset(token)


@contextmanager
def no_weights() -> Iterator[None]:
    """Build the tasks within the block on the meta device, for an export of a checkpoint."""
    token = _is_skeleton.set(True)
    try:
        yield
    finally:
        _is_skeleton.reset(token)


def is_skeleton() -> bool:
    """Return whether `load_model` builds a model without weights, which are never loaded."""
    return _is_skeleton.get()


def is_deferred() -> bool:
    """Return whether `load_model` builds a model without its weights, for the strategy."""
    return _is_deferred.get()


def prepare(model: PreTrainedModel, new: Iterable[str], load: Callable[..., Any]) -> None:
    """Initialize the new weights of a model on the meta device; the others are loaded later.

    Args:
        model: the model, changed in place.
        new: names of the parameters that the files lack; the same values on all ranks.
        load: calls `from_pretrained` with more arguments.
    """
    for name in {name.rpartition(".")[0] for name in new}:
        module = model.get_submodule(name)
        module.to_empty(device="cpu", recurse=False)
        with torch.no_grad():
            model._init_weights(module)
    new = set(new)
    for name, parameter in model.named_parameters():
        if name not in new:
            setattr(parameter, SOURCE, name)
    setattr(model, LOAD, load)


def sources_of(model: nn.Module) -> dict[str, str]:
    """Return the names in the files of the parameters without a value, by their names."""
    named = model.named_parameters()
    return {name: getattr(p, SOURCE) for name, p in named if hasattr(p, SOURCE)}


def load_shards(model: Any, sources: dict[str, str], mesh: DeviceMesh) -> None:
    """Load this rank's part of the weights into a sharded model.

    Args:
        model: the model, sharded while its parameters were on the meta device.
        sources: the result of `sources_of` before it was sharded.
        mesh: the devices that share the weights.
    """
    inner = next(module for module in model.modules() if hasattr(module, LOAD))
    with quiet(), unmapped_files():
        loaded = getattr(inner, LOAD)(distributed_config=config_of(inner, mesh.size()))
    parts = {name: local_shard(p.detach()) for name, p in loaded.named_parameters()}
    old = dict(model.named_parameters())
    values: dict[Tensor, nn.Parameter] = {}
    taken: set[str] = set()
    for name, source in sources.items():
        part = parts[source].clone() if source in taken else parts[source]  # of untied embeddings
        taken.add(source)
        values[old[name]] = nn.Parameter(distribute_like(old[name], part), old[name].requires_grad)
    for module in model.modules():  # a tied parameter is in several
        for name, parameter in module._parameters.items():
            if parameter in values:
                module.register_parameter(name, values[parameter])
    buffers = dict(loaded.named_buffers())
    for name, buffer in inner.named_buffers():
        if buffer.is_meta:
            parent, _, own = name.rpartition(".")
            inner.get_submodule(parent).register_buffer(
                own,
                buffers[name],
                own not in inner.get_submodule(parent)._non_persistent_buffers_set,
            )


def config_of(model: PreTrainedModel, devices: int) -> DistributedConfig:
    """Return the config with which transformers loads a shard of a model."""
    names = {module: name for name, module in model.named_modules()}
    layers = {re.sub(r"\.\d+(?=\.|$)", ".*", names[each]) for each in transformer_layers(model)}
    plan = dict.fromkeys(layers or {model.base_model_prefix}, "free_full_weight")
    return DistributedConfig(fsdp_size=devices, fsdp_plan=plan)


@contextmanager
def quiet() -> Iterator[None]:
    """Omit the warnings of transformers about a plan that does not name each module."""
    before = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(before)


@contextmanager
def unmapped_files() -> Iterator[None]:
    """Have transformers read the rows of a shard from the files, which it otherwise maps.

    Pages of a mapped file count as memory of this process until its last tensor is gone: those of
    bfloat16 weights beside their float32 copy, and the pages that the kernel maps around them.
    """
    library: Any = modeling_utils
    safe_open = library.safe_open
    library.safe_open = lambda file, **options: safe_open(file, **options | {"backend": "pread"})
    try:
        yield
    finally:
        library.safe_open = safe_open
