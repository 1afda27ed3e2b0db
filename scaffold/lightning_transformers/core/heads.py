"""The last layer of a head, and another one in its place."""

from torch import nn
from transformers import PreTrainedModel

from lightning_transformers.errors import ConfigurationError


def output_layer(model: PreTrainedModel) -> nn.Linear:
    """Return the layer that gives the logits of a classifier, or of a question answerer.

    Raises:
        ConfigurationError: for a language model, whose layer is the matrix of its tokens, and for
            a head that ends with something else than a linear layer.
    """
    return _output_layer(model)[1]


def replace_output_layer(model: PreTrainedModel, new: nn.Module) -> None:
    """Put a module in place of `output_layer(model)`; it has to take and give the same sizes.

    What `export` writes has the new module's weights, and `from_pretrained` needs the new module
    put in place before it can load them.
    """
    name, _ = _output_layer(model)
    model.set_submodule(name, new)


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
