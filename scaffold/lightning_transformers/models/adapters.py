"""Adapters of peft, such as LoRA, inside a model."""

import copy
from collections.abc import Mapping
from typing import Any

from hydra.utils import get_object, instantiate
from peft import PeftConfig
from peft.tuners.tuners_utils import BaseTunerLayer
from peft.utils.constants import TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING as TARGETS
from torch import Tensor, nn
from transformers import PreTrainedModel

from lightning_transformers.base.errors import ConfigurationError, first_line
from lightning_transformers.models.backbone import is_new
from lightning_transformers.models.freezing import head_parameters, only_these_train

QUERY_AND_VALUE = r".*\.(q|v|query|value|q_proj|v_proj)"
"""Where an adapter goes in an architecture that peft has no list for, such as ViT: the weights
that adapt best for their number (Hu et al., 2021, LoRA, section 7.1)."""


def add_adapter(model: PreTrainedModel, config: Mapping[str, Any]) -> None:
    """Put an adapter into a model; of the rest, only a new head stays trainable.

    The head of a language model is pretrained as its backbone is, and is frozen with it, unless
    that was frozen before: then the head is meant to train.

    Args:
        model: the model, which is changed in place.
        config: `_target_` and arguments of a `peft.PeftConfig`.

    Raises:
        ConfigurationError: if the target is no config of peft, if peft does not know where to put
            it in this model, or if the model has an adapter.
    """
    check_target(str(config.get("_target_")))
    if has_adapter(model):
        raise ConfigurationError(
            "the model has an adapter of its build_model already: leave one of the two out, such "
            "as with peft=none"
        )
    head = list(head_parameters(model))
    if model.get_output_embeddings() is not None and not only_these_train(model, head):
        head = []
    if not config.get("target_modules") and model.config.model_type not in TARGETS:
        config = {**config, "target_modules": QUERY_AND_VALUE}
    try:
        # A checkpoint may have brought the config: nothing else in it is called.
        model.add_adapter(instantiate(config, _convert_="all", _recursive_=False))
    except ValueError as error:
        raise ConfigurationError(
            f"no adapter fits {type(model).__name__}: {first_line(error)} (set "
            "peft.target_modules=[<names of linear layers>])"
        ) from error
    for parameter in head:
        parameter.requires_grad = True
    model.train()


def check_target(target: str) -> None:
    """Raise ConfigurationError if an import path does not name a config of peft."""
    try:
        found = get_object(target)
    except (ImportError, ValueError):
        found = None
    if not (isinstance(found, type) and issubclass(found, PeftConfig)):
        raise ConfigurationError(
            f"peft._target_={target} is no config of peft: name one, such as peft.LoraConfig"
        )


def add_lora(model: PreTrainedModel, rank: int, alpha: int, dropout: float) -> None:
    """Put low-rank adapters into a model; of the rest, only a new head stays trainable.

    Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", 2021. Of a task whose
    `build_model` does so, the checkpoint holds what trains.

    Args:
        model: the model, which is changed in place.
        rank: of the matrices that are added.
        alpha: they are scaled by alpha / rank.
        dropout: of their inputs.

    Raises:
        ConfigurationError: if peft does not know where to put them in this model.
    """
    add_adapter(
        model,
        {"_target_": "peft.LoraConfig", "r": rank, "lora_alpha": alpha, "lora_dropout": dropout},
    )


def trained_state(module: nn.Module, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the part of a state that the files of the backbone do not hold.

    This is what trains, what was new when the weights were loaded, and what is no parameter
    (metrics).
    """
    parameters = module.named_parameters(remove_duplicate=False)
    in_files = {name for name, p in parameters if not (p.requires_grad or is_new(p))}
    return {name: value for name, value in state.items() if name not in in_files}


def merge_adapters(model: PreTrainedModel) -> PreTrainedModel:
    """Return the model without adapters, their change added to its weights."""
    if not has_adapter(model):
        return model
    model = copy.deepcopy(model)
    for name, module in list(model.named_modules()):
        if isinstance(module, BaseTunerLayer):
            module.merge(safe_merge=True)
            model.set_submodule(name, module.get_base_layer())
    del model.peft_config
    model._hf_peft_config_loaded = False
    return model


def has_adapter(model: nn.Module) -> bool:
    """Tell whether an adapter is in the model."""
    return any(isinstance(module, BaseTunerLayer) for module in model.modules())
