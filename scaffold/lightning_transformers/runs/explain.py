"""Print the provenance of each config key: `python -m lightning_transformers explain …`."""

import json

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from lightning_transformers.config.config_tree import to_dict
from lightning_transformers.config.provenance import leaves, origins


def explain_from_config(config: DictConfig) -> None:
    """Print a line of JSON for each key: `key`, resolved `value`, and the `file` that sets it."""
    files = origins(config)
    for key, value in leaves(to_dict(config, resolve=False)):
        print(json.dumps({"key": key, "value": _resolved(config, key, value), "file": files[key]}))


def _resolved(config: DictConfig, key: str, raw: object) -> object:
    """Return the value of a key, or its interpolation if it resolves only in a run.

    Args:
        config: the composed config.
        key: dotted key.
        raw: the value without interpolations resolved.
    """
    try:
        value = OmegaConf.select(config, key)
    except OmegaConfBaseException:
        return raw
    return OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value
