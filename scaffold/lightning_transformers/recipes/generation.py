"""How a model writes text."""

from typing import Any, cast

from transformers import PreTrainedModel

from lightning_transformers.base.errors import ConfigurationError


def set_generation(model: PreTrainedModel, **settings: Any) -> None:
    """Set what `generate` does where nothing else is said; it is saved with the model.

    Args:
        model: the model, whose `generation_config` is changed.
        settings: fields of transformers' `GenerationConfig`, such as `temperature`.

    Raises:
        ConfigurationError: for a model that does not generate, and for a field that is not known.
    """
    if not model.can_generate():
        raise ConfigurationError(
            f"{type(model).__name__} generates no text: leave the settings of generation out"
        )
    unknown = cast(Any, model.generation_config).update(**settings)
    if unknown:
        raise ConfigurationError(f"transformers has no setting of generation '{min(unknown)}'")
