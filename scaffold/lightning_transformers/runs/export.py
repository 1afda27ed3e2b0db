"""Export a trained task as a Hugging Face model repository: from Python, from a composed config."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from hydra.utils import to_absolute_path
from omegaconf import DictConfig

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.base.run_log import log_failure
from lightning_transformers.config.checks import check_config
from lightning_transformers.runs.build import restore

if TYPE_CHECKING:
    from lightning_transformers.core import TaskTransformer, TransformerDataModule


def export(
    model: TaskTransformer, data: TransformerDataModule, folder: str | os.PathLike[str]
) -> Path:
    """Write a model repository, which `from_pretrained` of transformers reads.

        from lightning_transformers import export, load

        task, data = load("outputs/run")
        export(task, data, "my-model")

    Args:
        model: the task; an adapter is merged into the exported weights.
        data: its data module, for the tokenizer or image processor.
        folder: gets `model.safetensors`, `config.json` and the files of the processor.

    Returns:
        The folder.

    Raises:
        ConfigurationError: if the folder exists and is not empty, or the backbone is quantized.
    """
    folder = require_empty(folder)
    if model.backbone.quantization:
        raise ConfigurationError(
            f"the backbone is quantized ({model.backbone.quantization}), and an export has the "
            "weights of its files: load the task with load(<run>, quantized=False)"
        )
    model.attach_data(data)
    model.save_hf_checkpoint(folder, data.processor_to_export())
    return folder


def require_empty(folder: str | os.PathLike[str]) -> Path:
    """Return a folder as a path; it may not exist yet.

    Raises:
        ConfigurationError: if it is a file, or there is anything in it.
    """
    path = Path(folder)
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        fact = "is not empty" if path.is_dir() else "is a file"
        raise ConfigurationError(f"'{folder}' {fact}: give another folder (export_dir=<folder>)")
    return path


@log_failure()
def export_from_config(config: DictConfig) -> Path:
    """Export the checkpoint of a composed config into `export_dir`, and return that folder.

    Raises:
        ConfigurationError: without a checkpoint, if the folder is not empty, or for a mistake in
            the config.
    """
    check_config(config, needs_dataset=False)
    if config.checkpoint_path is None:
        raise ConfigurationError("nothing to export: give +checkpoint_path=<file>")
    folder = require_empty(to_absolute_path(config.export_dir))
    model, data = restore(config, quantized=False)
    export(model, data, folder)
    print(f"Model repository: {folder}")
    return folder
