"""Write a model as a model repository, which `from_pretrained` of transformers reads."""

import copy
from pathlib import Path
from typing import Any

from transformers import PreTrainedModel

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.base.types import Settings
from lightning_transformers.models.adapters import merge_adapters, save_adapter
from lightning_transformers.models.backbone import Backbone
from lightning_transformers.models.output_head import warn_replaced_layer
from lightning_transformers.models.streamed_export import SOURCE, write_weights


def save_model(
    model: PreTrainedModel,
    folder: str | Path,
    config: Settings,
    generation: Settings,
    adapter_of: Backbone | None = None,
) -> None:
    """Write weights and configs, with the key-value cache enabled.

    Args:
        model: the model, which stays as it is.
        folder: the folder of the repository.
        config: values to set in the exported config.
        generation: values to set in the exported generation config; without `do_sample` anywhere,
            it is False, since pipelines of transformers sample by default.
        adapter_of: the backbone whose adapter is written alone; None: adapters are merged into the
            weights.

    Raises:
        ConfigurationError: if the adapter alone does not restore the model.
    """
    warn_replaced_layer(model)
    if adapter_of:
        if adapter_of.random_weights:
            raise ConfigurationError(
                "export_adapter=true, but the adapter belongs to a random backbone, whose weights "
                "are in no file: remove it to export all weights"
            )
        save_adapter(model, folder, adapter_of.shared_name, adapter_of.revision)
    else:
        if hasattr(model, SOURCE):
            write_weights(model, Path(folder))
        else:
            merge_adapters(model).save_pretrained(folder)
    exported = copy.deepcopy(model.config)
    exported.architectures = [type(model).__name__]
    text = exported.get_text_config()
    if hasattr(text, "use_cache"):
        text.use_cache = True
    exported.update(dict(config))
    exported.save_pretrained(folder)
    if model.can_generate():
        defaults: Any = copy.deepcopy(model.generation_config)
        defaults.do_sample = bool(defaults.do_sample)
        defaults.update(**generation)
        defaults.save_pretrained(folder)
