"""Tokenize and pack the texts of a composed config into the folder `dataset.prepared_dir`."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.base.lazy import import_uncollected
from lightning_transformers.base.run_log import log_failure
from lightning_transformers.config.checks import check_config, check_inputs
from lightning_transformers.config.config_tree import to_dict
from lightning_transformers.data.prepared.record import local_folder
from lightning_transformers.runs.build import build_data


@log_failure()
def prepare_from_config(config: DictConfig) -> Path:
    """Prepare the texts of a composed config, or continue where a killed command has stopped.

    Returns:
        The folder.

    Raises:
        ConfigurationError: without a folder, for a mistake in the config, or a folder that was
            prepared with other settings.
    """
    name = config.dataset.get("prepared_dir")
    if name is None:
        raise ConfigurationError("no folder to write to: give dataset.prepared_dir=<folder>")
    folder = local_folder(name)
    OmegaConf.update(config, "dataset.prepared_dir", None)  # the texts must be read
    check_config(config)
    check_inputs(config)
    import_uncollected("lightning_transformers.core")
    from lightning_transformers.models.backbone import Backbone
    from lightning_transformers.runs.preparing.prepare import prepare  # imports torch

    data = build_data(config)
    data.model_config = Backbone(**to_dict(config.backbone)).load_config()
    for split, shards in prepare(data, folder)["splits"].items():
        rows, tokens = (sum(shard[key] for shard in shards) for key in ("rows", "tokens"))
        print(f"{split}: {rows:,} examples, {tokens:,} tokens, {len(shards):,} shards")
    print(f"Prepared: {folder}")
    return folder
