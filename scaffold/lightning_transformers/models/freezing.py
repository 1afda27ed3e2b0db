"""Freezing: parameters of the backbone, of the head, and the embedding that both may share."""

import sys
from collections.abc import Iterable, Iterator
from typing import Any, Literal, get_args

from torch import nn
from transformers import PreTrainedModel

from lightning_transformers.base.errors import ConfigurationError

TiedEmbeddings = Literal["error", "train", "untie"]

FROZEN_BACKBONE = "backbone_is_frozen"
"""Attribute of a model whose backbone `freeze_backbone` has frozen."""
TIED_EMBEDDINGS = (
    "the head shares its weight with the input embedding (tied embeddings), so freezing the "
    "backbone freezes the head, too"
)


def freeze_backbone(model: PreTrainedModel, tied: TiedEmbeddings = "error") -> None:
    """Freeze all parameters but the head, and switch the backbone to evaluation mode (no dropout).

    A model without a separate backbone module (T5, CLIP) keeps its dropout. Adapters stay
    trainable, and their dropout stays on.

    Call it in `build_model`: untying changes the structure, which callbacks may copy later.

    Args:
        model: a model with a head; changed in place.
        tied: how to treat a head that shares its weight with the input embedding: "error",
            "train" (the shared matrix stays trainable) or "untie" (the head gets a copy).

    Raises:
        ConfigurationError: if no parameter would stay trainable, `tied` is not a known value, or
            `tied` is "error" and the embeddings are tied.
    """
    frozen = {id(parameter) for parameter in separate_backbone(model, tied)}
    for parameter in model.parameters():
        parameter.requires_grad = id(parameter) not in frozen
    set_backbone_mode(model, training=False)
    setattr(model, FROZEN_BACKBONE, True)


def separate_backbone(model: PreTrainedModel, tied: TiedEmbeddings) -> list[nn.Parameter]:
    """Return the parameters that `freeze_backbone` freezes: all but the head and adapters.

    Args and errors are those of `freeze_backbone`; only tied embeddings are changed.

    Raises:
        ConfigurationError: as `freeze_backbone` does.
    """
    if tied not in get_args(TiedEmbeddings):
        known = ", ".join(get_args(TiedEmbeddings))
        raise ConfigurationError(f"tied_embeddings='{tied}' is not known: set one of {known}")
    if is_tied(model):
        if tied == "untie":
            untie_embeddings(model)
        elif tied != "train":
            raise ConfigurationError(
                f"{TIED_EMBEDDINGS}: set task.tied_embeddings to 'train' (train the shared "
                "matrix) or 'untie' (give the head its own copy)"
            )
    kept = {id(p) for p in (*head_parameters(model), *adapter_parameters(model))}
    if is_tied(model):
        kept.add(id(model.get_output_embeddings().weight))
    if not kept:
        raise ConfigurationError(
            f"{type(model).__name__} has no head, so freezing the backbone leaves nothing to "
            "train: choose a model with a head"
        )
    return [parameter for parameter in model.parameters() if id(parameter) not in kept]


def set_backbone_mode(model: PreTrainedModel, training: bool) -> None:
    """Switch dropout of the backbone on or off, unless it has adapters or is the model itself."""
    if model.base_model is not model and next(adapter_parameters(model), None) is None:
        model.base_model.train(training)


def embedding_parameters(model: PreTrainedModel) -> list[nn.Parameter]:
    """Return the parameters of the input embeddings, which a head with tied weights shares.

    Raises:
        ConfigurationError: for a model without input embeddings.
    """
    try:
        return list(model.get_input_embeddings().parameters())
    except NotImplementedError as error:
        raise ConfigurationError(
            f"{type(model).__name__} has no input embeddings to freeze: remove the callback or "
            "recipe freeze_embeddings, or task.freeze"
        ) from error


def head_parameters(model: PreTrainedModel) -> Iterator[nn.Parameter]:
    """Yield the parameters that belong to the head and not to the backbone.

    The backbone is `model.base_model`; without one (T5, CLIP), the head is the output embedding.
    """
    if model.base_model is not model:
        backbone = {id(parameter) for parameter in model.base_model.parameters()}
        yield from (p for p in model.parameters() if id(p) not in backbone)
    elif (output := model.get_output_embeddings()) is not None:
        shared = {id(parameter) for parameter in model.get_input_embeddings().parameters()}
        yield from (p for p in output.parameters() if id(p) not in shared)


def only_these_train(model: nn.Module, parameters: Iterable[nn.Parameter]) -> bool:
    """Return whether some of these parameters, and no others of the model, are trainable."""
    these = {id(parameter) for parameter in parameters}
    trainable = {id(parameter) for parameter in model.parameters() if parameter.requires_grad}
    return bool(trainable) and trainable <= these


def adapter_parameters(model: nn.Module) -> Iterator[nn.Parameter]:
    """Yield the parameters that adapters of peft added to a model."""
    for _, layer in adapter_layers(model):
        base = {id(parameter) for parameter in layer.get_base_layer().parameters()}
        yield from (p for p in layer.parameters() if id(p) not in base)


def adapter_layers(model: nn.Module) -> Iterator[tuple[str, Any]]:
    """Yield the layers of a model that an adapter of peft has replaced, by name."""
    if "peft" not in sys.modules:  # then there are none, and the import takes its time
        return
    from peft.tuners.tuners_utils import BaseTunerLayer

    for name, module in list(model.named_modules()):
        if isinstance(module, BaseTunerLayer):
            yield name, module


def is_tied(model: PreTrainedModel) -> bool:
    """Return whether the model has an output embedding that is the input embedding's matrix."""
    output = model.get_output_embeddings()
    return output is not None and output.weight is model.get_input_embeddings().weight


def untie_embeddings(model: PreTrainedModel) -> None:
    """Give the head its own copy of the shared matrix, also after saving and loading."""
    output = model.get_output_embeddings()
    output.weight = nn.Parameter(output.weight.detach().clone())
    model.config.tie_word_embeddings = False
    model.all_tied_weights_keys = {}


def all_frozen_message(model: PreTrainedModel) -> str:
    """Return the error message for a model without trainable parameters.

    The advice for tied embeddings is to untie them; for others, to keep a parameter trainable.
    """
    if is_tied(model):
        return (
            f"every parameter is frozen ({TIED_EMBEDDINGS}): set task.freeze=backbone, which gives "
            "the head a copy"
        )
    return "every parameter is frozen: set requires_grad=True for those to train"


def trainable(model: nn.Module) -> set[str]:
    """Return the names of the parameters with `requires_grad`."""
    return {name for name, parameter in model.named_parameters() if parameter.requires_grad}
