"""Settings of text generation."""

from typing import Any, cast

from transformers import PreTrainedModel

from lightning_transformers.base.errors import ConfigurationError


def set_generation(model: PreTrainedModel, **settings: Any) -> None:
    """Set the defaults of `generate`, which are saved with the model.

    Args:
        model: the model whose `generation_config` changes.
        settings: fields of transformers' `GenerationConfig`, such as `temperature`.

    Raises:
        ConfigurationError: for a model that cannot generate, or an unknown field.
    """
    if not model.can_generate():
        raise ConfigurationError(
            f"{type(model).__name__} cannot generate text: remove the generation settings"
        )
    unknown = cast(Any, model.generation_config).update(**settings)
    if unknown:
        raise ConfigurationError(
            f"'{min(unknown)}' is not a field of transformers' GenerationConfig: remove it"
        )
