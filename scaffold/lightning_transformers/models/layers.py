"""The transformer layers of a model, and parameters by depth."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from torch import nn
from transformers.modeling_layers import GradientCheckpointingLayer

from lightning_transformers.base.errors import ConfigurationError

ParameterGroup = dict[str, Any]
"""Parameters under `params`, and optimizer arguments for them, such as `lr`."""


def decay_groups(
    named: Iterable[tuple[str, nn.Parameter]], decay_biases: bool
) -> list[ParameterGroup]:
    """Return trainable parameters that decay, and others with `weight_decay` 0, if there are any.

    Vectors do not decay, nor do matrices of biases, such as T5's relative position biases.

    Args:
        named: parameters (any shape) with their names.
        decay_biases: whether matrices of biases decay.
    """
    groups: list[ParameterGroup] = [{"params": []}, {"params": [], "weight_decay": 0.0}]
    for name, parameter in named:
        if parameter.requires_grad:
            is_kept = parameter.ndim < 2 or ("bias" in name and not decay_biases)
            groups[is_kept]["params"].append(parameter)
    return [group for group in groups if group["params"]]


def transformer_layers(model: nn.Module) -> list[nn.Module]:
    """Return the layers of a model in forward order, those of an encoder before a decoder's.

    Layers are instances of transformers' `GradientCheckpointingLayer`; of nested ones, the
    outermost counts.
    """
    layers: list[nn.Module] = []
    nested: set[nn.Module] = set()
    for module in model.modules():
        if isinstance(module, GradientCheckpointingLayer) and module not in nested:
            layers.append(module)
            nested.update(module.modules())
    return layers


def parameters_by_depth(model: nn.Module) -> list[list[nn.Parameter]]:
    """Return the parameters by depth: the head at 0, the last layer at 1, …, embeddings last.

    A parameter between two layers, such as the final norm of an encoder, counts to the layer
    before it. A shared parameter counts where it is used first: with tied embeddings the list at 0
    may be empty.

    Raises:
        ConfigurationError: if the model has no transformer layers.
    """
    layers = transformer_layers(model)
    if not layers:
        raise ConfigurationError(
            f"no transformer layers found in {type(model).__name__}: remove the callback or "
            "recipe that works layer by layer, such as gradual_unfreezing"
        )
    index = {id(p): i for i, layer in enumerate(layers, 1) for p in layer.parameters()}
    last = id(list(layers[-1].parameters())[-1])
    depths: list[list[nn.Parameter]] = [[] for _ in range(len(layers) + 2)]
    current = 0
    for parameter in model.parameters():
        current = index.get(id(parameter), current)
        depths[current].append(parameter)
        if id(parameter) == last:
            current = len(layers) + 1
    return depths[::-1]


def decayed_by_layer(
    groups: list[ParameterGroup], model: nn.Module, lr: float, decay: float
) -> list[ParameterGroup]:
    """Split parameter groups by depth, each with the learning rate lr * decay ** depth.

    Layers near the input are more general and should change less (Howard & Ruder, "Universal
    Language Model Fine-tuning for Text Classification", 2018; rates as in Clark et al.,
    "ELECTRA", 2020). Depths are those of `parameters_by_depth`: T5's encoder is below its decoder.

    Args:
        groups: the result of `TaskTransformer.parameter_groups`; the split groups keep its
            optimizer arguments.
        model: the model of the parameters.
        lr: learning rate of the head, and of parameters outside the model.
        decay: factor from one layer to the one below.

    Raises:
        ConfigurationError: if the model has no transformer layers.
    """
    depth = {p: i for i, members in enumerate(parameters_by_depth(model)) for p in members}
    divided = []
    for group in groups:
        by_depth = defaultdict(list)
        for parameter in group["params"]:
            by_depth[depth.get(parameter, 0)].append(parameter)
        for number, parameters in sorted(by_depth.items()):
            divided.append({**group, "params": parameters, "lr": lr * decay**number})
    return divided
