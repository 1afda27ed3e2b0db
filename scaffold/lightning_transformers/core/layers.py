"""The layers that a model is a stack of."""

from torch import nn
from transformers.modeling_layers import GradientCheckpointingLayer


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
