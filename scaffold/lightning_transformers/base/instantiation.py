"""Instantiate what a config names; an error of a library is a mistake in the config."""

from traceback import walk_tb
from typing import Any

import hydra
from hydra.errors import InstantiationException

from lightning_transformers.base.errors import ConfigurationError, first_line

LIBRARIES = ("pytorch_lightning", "lightning_fabric", "peft", "torch", "transformers")
"""An error that one of these raises in a constructor concerns the arguments in the config."""


def instantiate(key: str, config: Any, *arguments: object, **further: object) -> Any:
    """Return an instance of the `_target_` of a config.

    Args:
        key: config key, for the error message.
        config: the `_target_` and its arguments.
        arguments: positional arguments.
        further: keyword arguments, which replace those of the config.

    Raises:
        ConfigurationError: for an error that a library raises; one of the project's code
            propagates.
    """
    try:
        # A checkpoint with OmegaConf's lists, such as betas, would not load.
        return hydra.utils.instantiate(config, *arguments, **further, _convert_="all")
    except InstantiationException as error:
        cause = error.__cause__
        if cause is None or cause.__traceback__ is None or isinstance(cause, ConfigurationError):
            raise
        *_, (frame, _) = walk_tb(cause.__traceback__)
        if str(frame.f_globals.get("__name__")).partition(".")[0] in LIBRARIES:
            raise ConfigurationError(f"{key}: {first_line(cause)}") from error
        raise
