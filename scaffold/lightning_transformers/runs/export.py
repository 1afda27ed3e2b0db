"""Export a trained task as a Hugging Face model repository."""

from pathlib import Path

from hydra.utils import to_absolute_path
from omegaconf import DictConfig

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.config.checks import check_config
from lightning_transformers.runs.build import restore


def export_from_config(config: DictConfig) -> Path:
    """Write model, processor and config of a checkpoint into a folder, and return it.

    Raises:
        ConfigurationError: without a checkpoint, or if the folder is there and not empty.
    """
    check_config(config, needs_dataset=False)
    if config.checkpoint_path is None:
        raise ConfigurationError("nothing to export: give +checkpoint_path=<file>")
    folder = Path(to_absolute_path(config.export_dir))
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigurationError(
            f"'{config.export_dir}' is there and not empty: give export_dir=<folder>"
        )
    model, data = restore(config)
    model.save_hf_checkpoint(folder, data.processor)
    print(f"Model repository: {folder}")
    return folder
