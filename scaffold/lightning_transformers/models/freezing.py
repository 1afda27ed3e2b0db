"""Which parameters train: the backbone, the head, and the matrix that both may share."""

from collections.abc import Iterable, Iterator
from typing import Literal, get_args

from peft.tuners.tuners_utils import BaseTunerLayer
from torch import nn
from transformers import PreTrainedModel

from lightning_transformers.base.errors import ConfigurationError

TiedEmbeddings = Literal["error", "train", "untie"]

TIED_EMBEDDINGS = (
    "the head shares its weight with the input embedding (tied embeddings), so freezing the "
    "backbone freezes the head, too"
)


def freeze_backbone(model: PreTrainedModel, tied: TiedEmbeddings = "error") -> None:
    """Let only the head train, and switch the backbone to evaluation mode (no dropout).

    A model whose backbone is no module of its own (T5, CLIP) keeps its dropout. Adapters are no
    weights of the backbone: they train on, with dropout.

    Call it in `build_model`: to untie changes the structure, which callbacks may copy later on.

    Args:
        model: a model with a head.
        tied: what to do where the head shares its weight with the input embedding: "error",
            "train" (the shared matrix stays trainable) or "untie" (the head gets a copy).

    Raises:
        ConfigurationError: if nothing would be left to train, or `tied` is none of the three.
    """
    if tied not in get_args(TiedEmbeddings):
        known = ", ".join(get_args(TiedEmbeddings))
        raise ConfigurationError(f"tied_embeddings='{tied}' is not known (known: {known})")
    if is_tied(model):
        if tied == "untie":
            untie_embeddings(model)
        elif tied != "train":
            raise ConfigurationError(
                f"{TIED_EMBEDDINGS}: set task.tied_embeddings to 'train' (train the shared "
                "matrix) or 'untie' (give the head a copy of its own)"
            )
    adapters = list(adapter_parameters(model))
    trainable = {id(parameter) for parameter in [*head_parameters(model), *adapters]}
    for parameter in model.parameters():
        parameter.requires_grad = id(parameter) in trainable
    if is_tied(model):
        model.get_output_embeddings().weight.requires_grad = True
    if model.base_model is not model and not adapters:
        model.base_model.eval()
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise ConfigurationError(
            f"{type(model).__name__} has no head besides its backbone: nothing is left to train"
        )


def head_parameters(model: PreTrainedModel) -> Iterator[nn.Parameter]:
    """Yield the parameters that belong to the head alone, compared by identity.

    The backbone is `model.base_model`; a model without one (T5, CLIP) has its output embedding
    for a head.
    """
    if model.base_model is not model:
        backbone = {id(parameter) for parameter in model.base_model.parameters()}
        yield from (p for p in model.parameters() if id(p) not in backbone)
    elif (output := model.get_output_embeddings()) is not None:
        shared = {id(parameter) for parameter in model.get_input_embeddings().parameters()}
        yield from (p for p in output.parameters() if id(p) not in shared)


def only_these_train(model: nn.Module, parameters: Iterable[nn.Parameter]) -> bool:
    """Tell whether everything but these parameters is frozen, and some of them are not."""
    these = {id(parameter) for parameter in parameters}
    trainable = {id(parameter) for parameter in model.parameters() if parameter.requires_grad}
    return bool(trainable) and trainable <= these


def adapter_parameters(model: nn.Module) -> Iterator[nn.Parameter]:
    """Yield what adapters of peft added to the weights of a model."""
    for module in model.modules():
        if isinstance(module, BaseTunerLayer):
            base = {id(parameter) for parameter in module.get_base_layer().parameters()}
            yield from (p for p in module.parameters() if id(p) not in base)


def is_tied(model: PreTrainedModel) -> bool:
    """Tell whether the output embedding is the input embedding's matrix."""
    output = model.get_output_embeddings()
    return output is not None and output.weight is model.get_input_embeddings().weight


def untie_embeddings(model: PreTrainedModel) -> None:
    """Give the head a copy of the matrix that it shared; saving and loading keep it apart."""
    output = model.get_output_embeddings()
    output.weight = nn.Parameter(output.weight.detach().clone())
    model.config.tie_word_embeddings = False
    model.all_tied_weights_keys = {}


def all_frozen_message(model: PreTrainedModel) -> str:
    """Return the message about a model all of whose parameters are frozen, and what to do."""
    reason = f" ({TIED_EMBEDDINGS})" if is_tied(model) else ""
    return (
        f"every parameter is frozen{reason}: leave some with requires_grad=True, or use "
        "lightning_transformers.models.freezing.freeze_backbone(model, tied='untie')"
    )


def trainable(model: nn.Module) -> set[str]:
    """Return the names of the parameters that train."""
    return {name for name, parameter in model.named_parameters() if parameter.requires_grad}
