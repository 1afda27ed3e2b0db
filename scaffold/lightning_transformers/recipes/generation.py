"""Settings of text generation."""

from typing import Any, cast

from transformers import PreTrainedModel

from lightning_transformers.base.errors import ConfigurationError

SAMPLING = ("temperature", "top_k", "top_p")
"""Fields that `save_pretrained` refuses without sampling."""


def set_generation(model: PreTrainedModel, **settings: Any) -> None:
    """Set the defaults of `generate`, which are saved with the model.

    Args:
        model: the model whose `generation_config` changes.
        settings: fields of transformers' `GenerationConfig`, such as `temperature`. With
            `do_sample=False`, `temperature`, `top_k` and `top_p` are unset.

    Raises:
        ConfigurationError: for a model that cannot generate, or an unknown field.
    """
    if not model.can_generate():
        raise ConfigurationError(
            f"{type(model).__name__} cannot generate text: remove the generation settings"
        )
    if settings.get("do_sample") is False:
        settings |= dict.fromkeys(SAMPLING)
    unknown = cast(Any, model.generation_config).update(**settings)
    if unknown:
        raise ConfigurationError(
            f"'{min(unknown)}' is not a field of transformers' GenerationConfig: remove it"
        )
