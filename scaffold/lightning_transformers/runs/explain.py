"""Print the provenance of each config key: `python -m lightning_transformers explain …`."""

import json

from omegaconf import DictConfig

from lightning_transformers.config.config_tree import to_dict, value_at
from lightning_transformers.config.provenance import leaves, origins


def explain_from_config(config: DictConfig) -> None:
    """Print a line of JSON for each key: `key`, resolved `value`, and the `file` that sets it."""
    files = origins(config)
    for key, _ in leaves(to_dict(config, resolve=False)):
        print(json.dumps({"key": key, "value": value_at(config, key), "file": files[key]}))
