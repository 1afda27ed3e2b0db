"""Tell where each key of a config comes from: `python -m lightning_transformers explain …`."""

import json

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from lightning_transformers.config.config_tree import to_dict
from lightning_transformers.config.provenance import leaves, origins


def explain_from_config(config: DictConfig) -> None:
    """Print a JSON object a key: its name, its value, resolved, and the file that gives it."""
    files = origins(config)
    for key, value in leaves(to_dict(config, resolve=False)):
        print(json.dumps({"key": key, "value": _resolved(config, key, value), "file": files[key]}))


def _resolved(config: DictConfig, key: str, raw: object) -> object:
    """Return the value of a key, or its interpolation if that has a value later on alone."""
    try:
        value = OmegaConf.select(config, key)
    except OmegaConfBaseException:
        return raw
    return OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value
