"""Reading checkpoints."""

from __future__ import annotations

from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING
from zipfile import is_zipfile

from omegaconf import DictConfig

from lightning_transformers.base.errors import ConfigurationError, first_line

if TYPE_CHECKING:  # torch is imported once a config is known to be right
    from lightning_transformers.base.types import Checkpoint, Settings


def read_checkpoint(path: str) -> Checkpoint:
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


def read_training_state(path: str) -> Checkpoint:
    """Return what a checkpoint holds that a training can go on from.

    Raises:
        ConfigurationError: if the file cannot be read, or holds the weights alone.
    """
    content = read_checkpoint(path)
    if "optimizer_states" not in content:
        raise ConfigurationError(
            f"checkpoint_path={path} holds the weights alone, as with save_weights_only=true: no "
            "training can go on from it"
        )
    return content


def check_resumable(path: str, config: DictConfig) -> None:
    """Check that what a config trains can go on from a checkpoint.

    Raises:
        ConfigurationError: if the file cannot be read, if it was trained with another optimizer or
            adapter, or for longer than the config says.
    """
    content = read_training_state(path)
    recorded = content.get("hyper_parameters", {})
    for name, default in {"optimizer": "torch.optim.AdamW", "peft": "none"}.items():
        then, now = (_target(part.get(name), default) for part in (recorded, config.task))
        if name in recorded and then != now:
            raise ConfigurationError(
                f"checkpoint_path={path} was trained with {name} {then}, not with {now}: set "
                f"{name} as it was, or start from the beginning in another hydra.run.dir"
            )
    loop = content.get("loops", {}).get("fit_loop", {})
    epochs = loop.get("epoch_progress", {}).get("current", {}).get("ready", 0)
    for name, done in {"max_epochs": epochs, "max_steps": progress(content)[0]}.items():
        limit = config.trainer.get(name)
        if limit is not None and 0 <= limit < done:
            raise ConfigurationError(
                f"trainer.{name}={limit} is less than the {done} that checkpoint_path={path} has "
                f"come to: set trainer.{name}={done} or more"
            )


def _target(part: Settings | None, default: str) -> str:
    return str(part["_target_"]) if part else default


def newest_checkpoint(folder: Path) -> str | None:
    """Return the checkpoint in a folder that the training had come furthest with, if any.

    Of two that are as far, `last.ckpt` is newer: it is written last. One that no training can go
    on from is passed over, and so are hidden files.

    Raises:
        ConfigurationError: if there are checkpoints, and a training can go on from none of them.
    """
    found: dict[str, tuple[int, int, bool]] = {}
    refusal = None
    for path in sorted(folder.glob("[!.]*.ckpt")):
        try:
            steps, batches = progress(read_training_state(str(path)))
            found[str(path)] = steps, batches, path.name == "last.ckpt"
        except ConfigurationError as error:
            refusal = error
    if refusal and not found:
        raise ConfigurationError(
            f"resume=auto finds no checkpoint in {folder} to go on from: {refusal} (to start from "
            "the beginning, give another hydra.run.dir)"
        ) from refusal
    return max(found, key=lambda path: found[path], default=None)


def progress(checkpoint: Checkpoint) -> tuple[int, int]:
    """Return after how many optimizer steps and batches a checkpoint was written."""
    loop = checkpoint.get("loops", {}).get("fit_loop", {})
    batches = loop.get("epoch_loop.batch_progress", {}).get("total", {}).get("ready", 0)
    return checkpoint.get("global_step", 0), batches
