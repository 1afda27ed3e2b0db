"""The output layer of a head, and its replacement."""

import logging

from torch import nn
from transformers import PreTrainedModel

from lightning_transformers.base.errors import ConfigurationError

log = logging.getLogger(__name__)

REPLACED_LAYER = "own_output_layer"
"""Attribute of a model whose output layer was replaced."""


def output_layer(model: PreTrainedModel) -> nn.Linear:
    """Return the linear layer that computes the logits of a classifier or question answerer.

    Raises:
        ConfigurationError: for a language model, whose output layer is its token embedding, and
            for a head without a linear layer.
    """
    return _output_layer(model)[1]


def replace_output_layer(model: PreTrainedModel, new: nn.Module) -> None:
    """Replace `output_layer(model)`; the exported weights then need the same replacement.

    Args:
        model: the model, changed in place.
        new: a module with the same input and output sizes. `from_pretrained` ignores its weights.

    Raises:
        ConfigurationError: as `output_layer` does.
    """
    name, _ = _output_layer(model)
    model.set_submodule(name, new)
    setattr(model, REPLACED_LAYER, True)


def warn_replaced_layer(model: PreTrainedModel) -> None:
    """Log a warning if `from_pretrained` cannot restore the model's replaced output layer."""
    if getattr(model, REPLACED_LAYER, False):
        log.warning(
            "from_pretrained cannot restore the replaced output layer: after loading, replace it "
            "again and load model.safetensors"
        )


def _output_layer(model: PreTrainedModel) -> tuple[str, nn.Linear]:
    backbone = set(model.base_model.modules())
    layers = [
        (name, module)
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) and module not in backbone
    ]
    embeds = model.get_output_embeddings() is not None
    if not layers or embeds:
        reason = "its token embedding as output" if embeds else "no linear layer in its head"
        raise ConfigurationError(
            f"{type(model).__name__} has {reason}, so the output layer cannot be replaced: choose "
            "a model with a classification head, or keep the head"
        )
    return layers[-1]
