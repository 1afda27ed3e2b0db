"""Reading checkpoints."""

from contextlib import suppress
from pathlib import Path
from pickle import UnpicklingError
from typing import Any
from zipfile import is_zipfile

from lightning_transformers.errors import ConfigurationError, first_line


def read_checkpoint(path: str) -> dict[str, Any]:
    """Return what a checkpoint of Lightning holds; its tensors are read when they are used.

    Raises:
        ConfigurationError: if the file cannot be read, or holds something else.
    """
    import torch

    try:
        with open(path, "rb") as file:
            if not is_zipfile(file):
                raise ConfigurationError(
                    f"checkpoint_path={path} is no checkpoint, or was not written to its end"
                )
        content = torch.load(path, map_location="cpu", mmap=True, weights_only=True)
    except UnpicklingError as error:
        raise ConfigurationError(
            f"checkpoint_path={path} holds more than tensors and plain values, which may be "
            "harmful to read: use one that this version has written"
        ) from error
    except (OSError, RuntimeError) as error:
        raise ConfigurationError(
            f"checkpoint_path={path} cannot be read: {first_line(error)}"
        ) from error
    if not isinstance(content, dict) or "state_dict" not in content:
        raise ConfigurationError(
            f"checkpoint_path={path} is no checkpoint of a run; a model of transformers is "
            "given as backbone.pretrained_model_name_or_path=<folder>"
        )
    return content


def newest_checkpoint(folder: Path) -> str | None:
    """Return the checkpoint in a folder that the training had come furthest with, if any.

    One that cannot be read is passed over.
    """
    found: dict[str, tuple[int, int]] = {}
    for path in map(str, folder.glob("*.ckpt")):
        with suppress(ConfigurationError):
            found[path] = progress(read_checkpoint(path))
    return max(found, key=lambda path: found[path], default=None)


def progress(checkpoint: dict[str, Any]) -> tuple[int, int]:
    """Return after how many optimizer steps and batches a checkpoint was written."""
    loop = checkpoint.get("loops", {}).get("fit_loop", {})
    batches = loop.get("epoch_loop.batch_progress", {}).get("total", {}).get("ready", 0)
    return checkpoint.get("global_step", 0), batches
