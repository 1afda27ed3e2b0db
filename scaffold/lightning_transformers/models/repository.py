"""Write a model as a model repository, which `from_pretrained` of transformers reads."""

import copy
from pathlib import Path
from typing import Any

from transformers import PreTrainedModel

from lightning_transformers.base.types import Settings
from lightning_transformers.models.adapters import merge_adapters
from lightning_transformers.models.output_head import warn_replaced_layer


def save_model(
    model: PreTrainedModel, folder: str | Path, config: Settings, generation: Settings
) -> None:
    """Write weights and configs, with adapters merged and the key-value cache enabled.

    Args:
        model: the model, which stays as it is.
        folder: the folder of the repository.
        config: values to set in the exported config.
        generation: values to set in the exported generation config; without `do_sample` anywhere,
            it is False, since pipelines of transformers sample by default.
    """
    warn_replaced_layer(model)
    merged = merge_adapters(model)
    merged.save_pretrained(folder)
    exported = copy.deepcopy(merged.config)
    text = exported.get_text_config()
    if hasattr(text, "use_cache"):
        text.use_cache = True
    exported.update(dict(config))
    exported.save_pretrained(folder)
    if model.can_generate():
        defaults: Any = copy.deepcopy(merged.generation_config)
        defaults.do_sample = bool(defaults.do_sample)
        defaults.update(**generation)
        defaults.save_pretrained(folder)
