"""Load what a run has trained, to predict, evaluate, export or train on from Python."""

from __future__ import annotations

import logging
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from hydra.utils import instantiate
from omegaconf import OmegaConf

from lightning_transformers.base.errors import ConfigurationError, first_line
from lightning_transformers.base.hyperparameters import declared_hyperparameters
from lightning_transformers.base.run_folder import CONFIG, MANIFEST, read_manifest
from lightning_transformers.config.targets import locate
from lightning_transformers.runs.build import (
    CHECKPOINTS,
    absolute_paths,
    check_checkpoint,
    load_checkpoint,
    recorded_hyperparameters,
)
from lightning_transformers.training.checkpoint import read_checkpoint

if TYPE_CHECKING:
    from lightning_transformers.core import TaskTransformer, TransformerDataModule

T = TypeVar("T")
log = logging.getLogger(__name__)


def load(
    path: str | os.PathLike[str],
    *,
    task_class: type[TaskTransformer] | None = None,
    data_class: type[TransformerDataModule] | None = None,
    trust_remote_code: bool = False,
) -> tuple[TaskTransformer, TransformerDataModule]:
    """Return the task of a run with its trained weights, in eval mode on the CPU, and its data.

        from lightning_transformers import load

        task, data = load("outputs/run")
        print(task.predict("A text.", data))

    Classes and tokenizer are those that the run folder records, hyperparameters, splits and files
    those that the checkpoint records. A checkpoint outside of a run folder is loaded by its own
    record, with the data module that its task has by default. The run folder may have been moved;
    relative paths start from the folder in which the run was started.

    The checkpoint is never unpickled, but the project of the run is put on `sys.path` and its code
    is imported: load run folders from people whose code you would run. Call `task.train()` before
    you train the task further.

    Args:
        path: a checkpoint, or a run folder; in a folder, `checkpoints/best.ckpt` is loaded, or
            `last.ckpt` if there is no best.
        task_class: replaces the recorded class, such as one that was renamed since.
        data_class: replaces the recorded class of the data.
        trust_remote_code: run code that the repository of the backbone ships.

    Returns:
        The task and its data module; no row is read before it is needed.

    Raises:
        ConfigurationError: if the path is missing, or neither a run folder nor a checkpoint; if the
            run has no checkpoint; if a recorded class cannot be imported; if the checkpoint does
            not fit the class.
    """
    from lightning_transformers.core import TaskTransformer, TransformerDataModule
    from lightning_transformers.training.checkpoint_identity import CLASS

    checkpoint, folder = find_checkpoint(Path(path))
    if folder:
        config, directory = OmegaConf.load(folder / CONFIG), enter_project(folder)
    else:
        named = {"_target_": read_checkpoint(checkpoint).get(CLASS)}
        config, directory = OmegaConf.create({"task": named, "dataset": {}}), Path()
    if task_class is None:
        task_class = class_of(checkpoint, "task_class", config.task._target_, TaskTransformer)
    check_checkpoint(task_class, checkpoint)
    task = load_checkpoint(
        task_class, checkpoint, trust_remote_code=trust_remote_code, directory=directory
    ).eval()
    if data_class is None:
        target = config.dataset.get("_target_") or task_class.data_module_type
        data_class = class_of(checkpoint, "data_class", target, TransformerDataModule)
    fields = asdict(task.backbone)
    processor = instantiate(config.tokenizer, backbone=fields) if folder else task.load_processor()
    recorded = recorded_hyperparameters(checkpoint)
    known = declared_hyperparameters(data_class, TransformerDataModule) & recorded.keys()
    values = absolute_paths({name: recorded[name] for name in known}, directory)
    return task, data_class(processor, **values)


def find_checkpoint(path: Path) -> tuple[str, Path | None]:
    """Return the checkpoint that a path stands for, and its run folder.

    A run folder stands for its `checkpoints/best.ckpt`, or for `last.ckpt` if it has no best; a
    file stands for itself.

    Args:
        path: a run folder or a checkpoint.

    Returns:
        The absolute path of the checkpoint, and the run folder that contains it, or None.

    Raises:
        ConfigurationError: if the path does not exist, or is a folder without a run or checkpoint.
    """
    absolute = Path(os.path.abspath(path))
    if absolute.is_file():
        return str(absolute), next(filter(is_run, list(absolute.parents)[:2]), None)
    if not is_run(absolute):
        fact = f"has no {CONFIG} and {MANIFEST} of a run" if absolute.is_dir() else "does not exist"
        runs = filter(is_run, [*absolute.parents, *absolute.glob("*")])
        hint = next((f"did you mean '{run}'?" for run in runs), "give a run folder or a checkpoint")
        raise ConfigurationError(f"'{path}' {fact}: {hint}")
    found = [file for name in CHECKPOINTS[:2] if (file := absolute / name).is_file()]
    if not found:
        others = sorted(absolute.rglob("*.ckpt"))
        hint = f"give '{others[-1]}'" if others else "train with a checkpoint callback"
        raise ConfigurationError(f"the run in '{path}' has no {CHECKPOINTS[0]}: {hint}")
    if found[0].stem == "last":
        log.warning("the run in '%s' has no best.ckpt: last.ckpt is loaded", path)
    return str(found[0]), absolute


def is_run(folder: Path) -> bool:
    """Return whether a folder is a run folder."""
    return (folder / CONFIG).is_file() and (folder / MANIFEST).is_file()


def enter_project(folder: Path) -> Path:
    """Make the code of a run's project importable; return the folder for its relative paths.

    The project is that of the script that was started, or of the folder in which the command was
    typed, or the one around the run folder.
    """
    manifest = read_manifest(folder / MANIFEST)
    directory, program = Path(manifest["directory"]), manifest["command"][:1]
    places = [Path(directory, *program).parent, directory, *folder.parents]
    project = next((p for p in places if (p / "conf" / "config.yaml").is_file()), directory)
    if project.is_dir() and str(project) not in sys.path:
        sys.path.insert(0, str(project))
    return directory if directory.is_dir() else project


def class_of(checkpoint: str, argument: str, target: str | None, base: type[T]) -> type[T]:
    """Return the class that a run records.

    Args:
        checkpoint: path of the checkpoint, for the error message.
        argument: argument of `load` that replaces the recorded class, for the error message.
        target: import path of the class, or None if none is recorded.
        base: the required base class.

    Raises:
        ConfigurationError: if the class cannot be imported, or is not a subclass of `base`.
    """
    try:
        found: object = locate(str(target), argument)
        reason = f"it is not a subclass of {base.__name__}"
    except Exception as error:  # of a module of the project
        found, reason = None, first_line(error).removeprefix(f"{argument}={target}: ")
    if isinstance(found, type) and issubclass(found, base):
        return found
    raise ConfigurationError(
        f"cannot load '{checkpoint}' as {target}: {reason}; put the folder of its project on "
        f"sys.path, or give {argument}=<class>"
    )
