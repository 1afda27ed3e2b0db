"""Reading checkpoints, and checks before a resume."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING
from zipfile import is_zipfile

from omegaconf import DictConfig

from lightning_transformers.base.errors import ConfigurationError, first_line
from lightning_transformers.base.hyperparameters import to_plain
from lightning_transformers.base.run_folder import SHARDED_REST

if TYPE_CHECKING:  # configs are checked before torch is imported
    from lightning_transformers.base.types import Checkpoint, Settings


TRAINING_KEYS = (
    *("freeze", "freeze_epochs", "head_learning_rate"),
    *("class_weights", "label_smoothing", "focal_gamma"),
)
"""Keys of every task, the same in a resumed run; a class may declare one as a hyperparameter with a
meaning of its own."""
TAKE_WEIGHTS = "python export.py task=<task> +checkpoint_path=<file> export_dir=<folder>"
"""The command that takes over the weights of a checkpoint of lightning-transformers."""


def read_checkpoint(path: str, with_weights: bool = False) -> Checkpoint:
    """Load a Lightning checkpoint; its tensors are memory-mapped, on the CPU.

    Args:
        path: the file, or the folder of a sharded one.
        with_weights: read the weights of a sharded one, too, which this process then holds; not
            within `no_weights`.

    Raises:
        ConfigurationError: if the file cannot be read safely, or is not a Lightning checkpoint.
    """
    import torch

    try:
        if Path(path, SHARDED_REST).is_file():
            return read_sharded(path, with_weights)
        with open(path, "rb") as file:
            if not is_zipfile(file):
                file.seek(0)  # the start of a zip file is intact in a truncated one
                fact = "is incomplete" if file.read(2) == b"PK" else "is not a checkpoint"
                raise ConfigurationError(f"{path} {fact}: give another checkpoint")
        content = torch.load(path, map_location="cpu", mmap=True, weights_only=True)
    except UnpicklingError as error:
        raise ConfigurationError(
            f"{path} contains pickled objects and cannot be loaded safely: give a checkpoint "
            f"written by this package (of lightning-transformers, take the weights: {TAKE_WEIGHTS})"
        ) from error
    except (OSError, RuntimeError) as error:
        raise ConfigurationError(
            f"{path} cannot be read: {first_line(error)}; give another checkpoint"
        ) from error
    if not isinstance(content, dict) or "state_dict" not in content:
        raise ConfigurationError(
            f"{path} is not a checkpoint of a run: load a model of transformers "
            "with backbone.pretrained_model_name_or_path=<folder>"
        )
    return content


def read_sharded(path: str, with_weights: bool) -> Checkpoint:
    """Return a sharded checkpoint, as `read_checkpoint` does."""
    from lightning_transformers.models import sharded_checkpoint as sharded
    from lightning_transformers.models.shard_loading import is_skeleton

    content = sharded.read_rest(path)
    if with_weights and not is_skeleton():
        content["state_dict"] = sharded.read_weights(path, sharded.weight_shapes(path))
    return content


def is_of_predecessor(content: Checkpoint) -> bool:
    """Return whether lightning-transformers wrote a checkpoint: it names no `backbone`."""
    return "hparams_name" in content and "backbone" not in content.get("hyper_parameters", {})


def read_training_state(path: str) -> Checkpoint:
    """Load a checkpoint that training can resume from.

    Args:
        path: the file.

    Raises:
        ConfigurationError: if the file cannot be read, or contains only weights.
    """
    content = read_checkpoint(path)
    if is_of_predecessor(content):
        raise ConfigurationError(
            f"checkpoint_path={path} is of lightning-transformers, and training cannot resume from "
            f"it: take its weights ({TAKE_WEIGHTS}), and train with "
            "backbone.pretrained_model_name_or_path=<folder>"
        )
    if "optimizer_states" not in content:
        raise ConfigurationError(
            f"checkpoint_path={path} contains only weights (save_weights_only=true, or "
            "training.keep_state=false, as in a multirun): training cannot resume from it; give "
            "another"
        )
    return content


def check_resumable(path: str, config: DictConfig) -> None:
    """Check that training with a config can resume from a checkpoint.

    Args:
        path: the checkpoint.
        config: the composed config.

    Raises:
        ConfigurationError: if the file cannot be read, was trained with another optimizer,
            adapter, freezing or loss, or is beyond `max_epochs` or `max_steps`.
    """
    content = read_training_state(path)
    recorded = content.get("hyper_parameters", {})
    for name, default in {"optimizer": "torch.optim.AdamW", "peft": "none"}.items():
        then, now = (_target(part.get(name), default) for part in (recorded, config.task))
        if name in recorded and then != now:
            raise ConfigurationError(
                f"checkpoint_path={path} was trained with {name} {then}, not with {now}: restore "
                f"{name}, or start a new run in another hydra.run.dir"
            )
    for name in TRAINING_KEYS:
        then, now = recorded.get(name), config.task.get(name)
        if then != now:
            raise ConfigurationError(
                f"checkpoint_path={path} was trained with task.{name}={then}, not with {now}: set "
                f"it again, or start a new run in another hydra.run.dir"
            )
    loop = content.get("loops", {}).get("fit_loop", {})
    epochs = loop.get("epoch_progress", {}).get("current", {}).get("ready", 0)
    for name, done in {"max_epochs": epochs, "max_steps": progress(content)[0]}.items():
        limit = config.trainer.get(name)
        if limit is not None and 0 <= limit < done:
            raise ConfigurationError(
                f"trainer.{name}={limit} is less than the {done} of checkpoint_path={path}: set "
                f"trainer.{name}={done} or more"
            )


def kept_settings(content: Checkpoint, config: DictConfig) -> Iterator[str]:
    """Yield a line for each argument of the optimizer in which a config differs from a checkpoint.

    The state of the optimizer has its arguments, and schedules start from them.

    Args:
        content: the content of the checkpoint, of the same optimizer.
        config: the composed config.
    """
    then = content.get("hyper_parameters", {}).get("optimizer") or {}
    now = to_plain(config.task.get("optimizer")) or {}
    for name in sorted(then.keys() & now.keys()):
        if then[name] != now[name]:
            yield (
                f"optimizer.{name}={now[name]} has no effect: a resumed run keeps {then[name]} of "
                "its checkpoint (to change it, start a new run in another hydra.run.dir)"
            )


def _target(part: Settings | None, default: str) -> str:
    """Return the `_target_` of a config group, or `default` if the group is None or empty."""
    return str(part["_target_"]) if part else default


def newest_checkpoint(folder: Path) -> str | None:
    """Return the checkpoint with the most steps in a folder, or None if there is none.

    Of equal ones `last.ckpt`, which is written last, is preferred. Checkpoints that training
    cannot resume from and hidden files are skipped.

    Args:
        folder: the folder of checkpoints.

    Raises:
        ConfigurationError: if training can resume from none of the checkpoints.
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
            f"resume=auto finds no usable checkpoint in {folder}: {refusal} (to start a new run, "
            "give another hydra.run.dir)"
        ) from refusal
    return max(found, key=lambda path: found[path], default=None)


def progress(checkpoint: Checkpoint) -> tuple[int, int]:
    """Return the numbers of optimizer steps and batches at which a checkpoint was written."""
    loop = checkpoint.get("loops", {}).get("fit_loop", {})
    batches = loop.get("epoch_loop.batch_progress", {}).get("total", {}).get("ready", 0)
    return checkpoint.get("global_step", 0), batches
