"""The last layer of a head, and another one in its place."""

import logging

from torch import nn
from transformers import PreTrainedModel

from lightning_transformers.base.errors import ConfigurationError

log = logging.getLogger(__name__)

REPLACED_LAYER = "own_output_layer"
"""Name of the attribute of a model that says that its output layer was replaced."""


def output_layer(model: PreTrainedModel) -> nn.Linear:
    """Return the layer that gives the logits of a classifier, or of a question answerer.

    Raises:
        ConfigurationError: for a language model, whose layer is the matrix of its tokens, and for
            a head that ends with something else than a linear layer.
    """
    return _output_layer(model)[1]


def replace_output_layer(model: PreTrainedModel, new: nn.Module) -> None:
    """Put a module in place of `output_layer(model)`; it has to take and give the same sizes.

    What `export` writes has its weights, too, but `from_pretrained` does not know them.
    """
    name, _ = _output_layer(model)
    model.set_submodule(name, new)
    setattr(model, REPLACED_LAYER, True)


def warn_replaced_layer(model: PreTrainedModel) -> None:
    """Log a warning if the files of a model give another one, as its output layer was replaced."""
    if getattr(model, REPLACED_LAYER, False):
        log.warning(
            "from_pretrained does not know the output layer of your own, and starts one anew: "
            "put yours in its place, and load model.safetensors after that"
        )


def _output_layer(model: PreTrainedModel) -> tuple[str, nn.Linear]:
    backbone = set(model.base_model.modules())
    layers = [
        (name, module)
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) and module not in backbone
    ]
    if not layers or model.get_output_embeddings() is not None:
        raise ConfigurationError(
            f"{type(model).__name__} has no output layer that can be replaced: choose a model "
            "with a head for classification, or leave the head as it is"
        )
    return layers[-1]
