"""The layers that a model is a stack of."""

from collections import defaultdict
from typing import Any

from torch import nn
from transformers.modeling_layers import GradientCheckpointingLayer

from lightning_transformers.base.errors import ConfigurationError

ParameterGroup = dict[str, Any]
"""Parameters, under `params`, and settings of the optimizer for them."""


def transformer_layers(model: nn.Module) -> list[nn.Module]:
    """Return the layers of a model in the order of its forward, an encoder's before a decoder's.

    They are told by the base class that transformers gives to every layer; of nested ones, the
    outermost.
    """
    layers: list[nn.Module] = []
    nested: set[nn.Module] = set()
    for module in model.modules():
        if isinstance(module, GradientCheckpointingLayer) and module not in nested:
            layers.append(module)
            nested.update(module.modules())
    return layers


def parameters_by_depth(model: nn.Module) -> list[list[nn.Parameter]]:
    """Return the parameters by their depth: the head at 0, the last layer at 1, …, the rest last.

    A parameter between two layers, such as the last norm of an encoder, belongs to the one before
    it, and a shared one to where it comes first: a head that is tied to the embeddings is as deep
    as they are, and nothing may be left at 0.

    Raises:
        ConfigurationError: if the model has no layers.
    """
    layers = transformer_layers(model)
    if not layers:
        raise ConfigurationError(
            f"{type(model).__name__} has no layers that can be told apart: leave out what goes "
            "layer by layer, such as callbacks=gradual_unfreezing"
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
    """Return parameter groups with a learning rate for each layer: lr * decay ** depth.

    Layers near the input hold what is general, and are to change less (Howard & Ruder, "Universal
    Language Model Fine-tuning for Text Classification", 2018; the rates as in Clark et al.,
    "ELECTRA", 2020). The depths are those of `parameters_by_depth`: T5's encoder is below its
    decoder.

    Args:
        groups: those of `parameter_groups`; each is divided by depth, and keeps its settings.
        model: what the parameters are of.
        lr: rate of the head, and of parameters that the model does not have.
        decay: factor from one layer to the one below.

    Raises:
        ConfigurationError: if the model has no layers.
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
