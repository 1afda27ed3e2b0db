"""Adapters of peft, such as LoRA."""

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hydra.utils import get_object
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import PreTrainedModel

from lightning_transformers.base.errors import ConfigurationError, first_line
from lightning_transformers.base.instantiation import instantiate
from lightning_transformers.base.types import Settings
from lightning_transformers.models.backbone import is_new
from lightning_transformers.models.freezing import adapter_layers, head_parameters, only_these_train

QUERY_AND_VALUE = r".*\.(q|v|query|value|q_proj|v_proj)"
"""Adapted layers of an architecture for which peft has no defaults, such as ViT: the best choice
for a given number of weights (Hu et al., "LoRA", 2021, section 7.1)."""


def add_adapter(model: PreTrainedModel, config: Settings) -> None:
    """Add an adapter to a model and freeze all other parameters except those of a new head.

    The head of a language model is pretrained, and is frozen with the backbone, unless the
    backbone was already frozen and the head was not.

    Args:
        model: the model, changed in place.
        config: `_target_` and arguments of a `peft.PeftConfig`.

    Raises:
        ConfigurationError: if the target is not a config of peft, peft finds no layer to adapt, or
            the model already has an adapter.
    """
    from peft.tuners.tuners_utils import cast_adapter_dtype  # late: most runs have no adapter
    from peft.utils.constants import TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING as TARGETS

    check_target(str(config.get("_target_")))
    if has_adapter(model):
        raise ConfigurationError(
            "the model already has an adapter: add only one, in build_model or with peft=<option>"
        )
    head = list(head_parameters(model))
    if model.get_output_embeddings() is not None and not only_these_train(model, head):
        head = []
    if not config.get("target_modules") and model.config.model_type not in TARGETS:
        config = {**config, "target_modules": QUERY_AND_VALUE}
    if config.get("target_modules") == "all-linear" and head:
        # The head trains as a whole; peft exempts only that of a language model.
        ids = {id(parameter) for parameter in head}
        layers = model.named_modules()
        names = [n for n, m in layers if any(id(p) in ids for p in m.parameters(recurse=False))]
        config = {"exclude_modules": names, **config}
    # The config may come from a checkpoint: only the checked target is instantiated.
    adapter = instantiate("peft", config, _recursive_=False)
    try:
        model.add_adapter(adapter)
    except (ImportError, ValueError) as error:
        raise ConfigurationError(
            f"cannot add the adapter to {type(model).__name__}: {first_line(error)} (correct "
            "peft.<key>; for an unknown module, set peft.target_modules=[<names of linear layers>])"
        ) from error
    for parameter in head:
        parameter.requires_grad = True
    # In the dtype of a backbone in 16 bits, most updates would be lost to rounding.
    cast_adapter_dtype(model, "default", autocast_adapter_dtype=True)
    model.train()


def check_target(target: str) -> None:
    """Check that an import path names a subclass of `peft.PeftConfig`.

    Raises:
        ConfigurationError: if it cannot be imported, or is anything else.
    """
    from peft import PeftConfig

    try:
        found = get_object(target)
    except (ImportError, ValueError):
        found = None
    if not (isinstance(found, type) and issubclass(found, PeftConfig)):
        fact = "cannot be imported" if found is None else "is not a config of peft"
        raise ConfigurationError(
            f"peft._target_={target} {fact}: set one of peft, such as peft.LoraConfig"
        )


def add_lora(model: PreTrainedModel, rank: int, alpha: int, dropout: float) -> None:
    """Add low-rank adapters and freeze all other parameters except those of a new head.

    Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", 2021. Checkpoints of a task
    whose `build_model` calls this omit the frozen backbone, see `trained_state`.

    Args:
        model: the model, changed in place.
        rank: rank of the added matrices.
        alpha: their output is scaled by alpha / rank.
        dropout: dropout probability of their inputs.

    Raises:
        ConfigurationError: if peft finds no layer to adapt, or the model already has an adapter.
    """
    add_adapter(
        model,
        {"_target_": "peft.LoraConfig", "r": rank, "lora_alpha": alpha, "lora_dropout": dropout},
    )


def trained_state(module: nn.Module, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the entries of a state dict that the backbone's files do not contain.

    The checkpoint of a task with an adapter contains only these.

    Args:
        module: the module that the state dict is of.
        state: its state dict, tensors of (any shape) by name.

    Returns:
        Trainable parameters, parameters that were newly initialized, and buffers.
    """
    parameters = dict(module.named_parameters(remove_duplicate=False))
    in_files = {name for name, p in parameters.items() if not (p.requires_grad or is_new(p))}
    # Entries beside an integer weight describe its quantization.
    integer = tuple(
        f"{name.rpartition('.')[0]}."
        for name in in_files
        if not parameters[name].is_floating_point()
    )
    return {
        name: value
        for name, value in state.items()
        if name not in in_files and (name in parameters or not name.startswith(integer))
    }


def merge_adapters(model: PreTrainedModel) -> PreTrainedModel:
    """Return a copy with the adapters merged into the weights; the model itself if it has none."""
    if not has_adapter(model):
        return model
    model = copy.deepcopy(model)
    for name, layer in list(adapter_layers(model)):
        layer.merge(safe_merge=True)
        model.set_submodule(name, layer.get_base_layer())
    del model.peft_config
    model._hf_peft_config_loaded = False
    return model


def save_adapter(
    model: PreTrainedModel, folder: str | Path, base: str, revision: str | None = None
) -> None:
    """Write the adapter and other trained modules as `peft.PeftModel.from_pretrained` reads them.

    Args:
        model: the model, which stays as it is.
        folder: for `adapter_model.safetensors` and `adapter_config.json`.
        base: name of the model that the adapter belongs to.
        revision: its branch, tag or commit.

    Raises:
        ConfigurationError: if the model has no adapter, or has other parameters that neither the
            base model nor a module of its own contains.
    """
    from peft.utils import SAFETENSORS_WEIGHTS_NAME  # late, as in add_adapter

    if not has_adapter(model):
        raise ConfigurationError(
            "export_adapter=true, but the model has no adapter: remove it to export all weights"
        )
    others = new_modules(model)
    config: Any = copy.deepcopy(model.peft_config[model.active_adapters()[0]])
    embeddings = {model.get_input_embeddings(), model.get_output_embeddings()}
    if "" in others or embeddings & {*others.values()}:
        raise ConfigurationError(
            "export_adapter=true, but the base model lacks more than the adapter and a head, such "
            "as rows of a larger vocabulary: remove it to export all weights"
        )
    state = model.get_adapter_state_dict()
    for name, module in others.items():
        state |= {f"{name}.{key}": value for key, value in module.state_dict().items()}
    config.modules_to_save = sorted({*(config.modules_to_save or ()), *others}) or None
    config.base_model_name_or_path, config.revision = base, revision
    config.inference_mode = True
    config.save_pretrained(str(folder))
    tensors = {f"base_model.model.{name}": value.contiguous() for name, value in state.items()}
    save_file(tensors, Path(folder, SAFETENSORS_WEIGHTS_NAME), metadata={"format": "pt"})


def new_modules(model: PreTrainedModel) -> dict[str, nn.Module]:
    """Return the modules with parameters that the base model does not have, by name.

    They were trained with the adapter, or newly initialized; adapters are not among them.
    """
    from peft.tuners.tuners_utils import BaseTunerLayer  # late, as in add_adapter
    from peft.utils import AuxiliaryTrainingWrapper

    adapted = (BaseTunerLayer, AuxiliaryTrainingWrapper)  # an adapter's state contains them
    own = {id(p) for m in model.modules() if isinstance(m, adapted) for p in m.parameters()}
    return {
        name: module
        for name, module in model.named_modules()
        for p in module.parameters(recurse=False)
        if (p.requires_grad or is_new(p)) and id(p) not in own
    }


def has_adapter(model: nn.Module) -> bool:
    """Return whether the model has an adapter."""
    return any(True for _ in adapter_layers(model))
