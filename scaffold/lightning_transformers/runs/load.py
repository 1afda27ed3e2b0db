"""Load what a run has trained, to predict, evaluate, export or train on from Python."""

from __future__ import annotations

import inspect
import logging
import os
import sys
import warnings
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import yaml
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from lightning_transformers.base.errors import ConfigurationError, first_line, joined
from lightning_transformers.base.hyperparameters import declared_hyperparameters
from lightning_transformers.base.instantiation import instantiate
from lightning_transformers.base.run_folder import (
    CONFIG,
    MANIFEST,
    SHARDED_REST,
    is_checkpoint,
    is_run,
    read_manifest,
    require_run,
)
from lightning_transformers.config.checks import CHECKPOINTS
from lightning_transformers.config.targets import locate
from lightning_transformers.runs.build import (
    absolute_paths,
    check_checkpoint,
    load_checkpoint,
    recorded_hyperparameters,
    report_lost,
)
from lightning_transformers.training.checkpoint import read_checkpoint

if TYPE_CHECKING:
    from lightning_transformers.core import TaskTransformer, TransformerDataModule
    from lightning_transformers.training.checkpoint_identity import ClassRecord

T = TypeVar("T")
log = logging.getLogger(__name__)


def load(
    path: str | os.PathLike[str],
    *,
    task_class: type[TaskTransformer] | None = None,
    data_class: type[TransformerDataModule] | None = None,
    base_class: bool = False,
    quantized: bool = True,
    trust_remote_code: bool = False,
) -> tuple[TaskTransformer, TransformerDataModule]:
    """Return the task of a run with its trained weights, in eval mode on the CPU, and its data.

        from lightning_transformers import load

        task, data = load("outputs/run")
        print(task.predict("A text.", data))

    Classes and tokenizer are those that the run folder records, hyperparameters, splits and files
    those that the checkpoint records. A checkpoint outside of a run folder is loaded by its own
    record, with the tokenizer that its task has by default. The run folder may have been moved;
    relative paths start from the folder in which the run was started.

    The checkpoint is never unpickled, but the project of the run is put on `sys.path` and its code
    is imported: load run folders from people whose code you would run. Call `task.train()` before
    you train the task further.

    Args:
        path: a checkpoint, or a run folder; in a folder, `checkpoints/best.ckpt` is loaded, or
            `last.ckpt` if there is no best.
        task_class: replaces the recorded class, such as one that was renamed since.
        data_class: replaces the recorded class of the data.
        base_class: load the classes of this package that the recorded ones inherit from, for a run
            whose project is gone; a warning names the methods and hyperparameters that do not
            apply.
        quantized: quantize the backbone as in the training; False: its weights are those of its
            files, as an export needs them.
        trust_remote_code: run code that the repository of the backbone ships.

    Returns:
        The task and its data module; no row is read before it is needed.

    Raises:
        ConfigurationError: if the path is missing, or neither a run folder nor a checkpoint; if the
            run has no checkpoint, or an incomplete sharded one; if its config cannot be read; if a
            recorded class cannot be imported from the project of the run; if the checkpoint does
            not fit the class.
    """
    from lightning_transformers.core import TaskTransformer, TransformerDataModule
    from lightning_transformers.training.checkpoint_identity import CLASS, recorded_class

    checkpoint, folder = find_checkpoint(Path(path))
    content = read_checkpoint(checkpoint)
    of_task, of_data = (recorded_class(content, kind) for kind in ("task", "data"))
    if folder:
        config = read_config(folder / CONFIG)
        project, directory = enter_project(folder)
    else:
        dataset = {"_target_": of_data["name"]} if of_data else {}
        config = OmegaConf.create({"task": {"_target_": content.get(CLASS)}, "dataset": dataset})
        project, directory = None, Path()
    if task_class is None:
        target = of_task["base"] if of_task and base_class else config.task._target_
        task_class = class_of(checkpoint, "task_class", target, TaskTransformer, of_task)
        check_project(task_class, project, "task_class")
    check_checkpoint(task_class, checkpoint)
    task = load_checkpoint(
        task_class,
        checkpoint,
        trust_remote_code,
        {} if quantized else {"quantization": None, "device_map": None},
        directory,
    ).eval()
    if data_class is None:
        target = config.dataset.get("_target_") or task_class.data_module_type
        target = of_data["base"] if of_data and base_class else target
        data_class = class_of(checkpoint, "data_class", target, TransformerDataModule, of_data)
        check_project(data_class, project, "data_class")
    report_lost(data_class, of_data, TransformerDataModule, checkpoint)
    fields = asdict(task.backbone)
    processor = (
        instantiate("tokenizer", config.tokenizer, backbone=fields)
        if folder
        else task.load_processor()
    )
    recorded = recorded_hyperparameters(content)
    known = declared_hyperparameters(data_class, TransformerDataModule) & recorded.keys()
    values = absolute_paths({name: recorded[name] for name in known}, directory)
    return task, data_class(processor, **values)


def load_by_class(
    cls: type[TaskTransformer],
    path: str,
    data_class: type[TransformerDataModule] | None = None,
    trust_remote_code: bool = False,
) -> tuple[TaskTransformer, TransformerDataModule]:
    """Call `load` with the arguments of version 0.1, with a FutureWarning.

    The next minor version removes this function.
    """
    warnings.warn(
        "load(<class>, <path>) is now lightning_transformers.load(<path>, task_class=<class>); the "
        "next minor version removes the former arguments",
        FutureWarning,
        stacklevel=2,
    )
    return load(path, task_class=cls, data_class=data_class, trust_remote_code=trust_remote_code)


def find_checkpoint(path: Path) -> tuple[str, Path | None]:
    """Return the checkpoint that a path stands for, and its run folder.

    A run folder stands for its `checkpoints/best.ckpt`, or, with a warning, for `last.ckpt` if it
    has no best; a file stands for itself.

    Args:
        path: a run folder or a checkpoint.

    Returns:
        The absolute path of the checkpoint, and the run folder that contains it, or None.

    Raises:
        ConfigurationError: if the path does not exist, is a folder without a run or checkpoint, or
            is an incomplete sharded checkpoint.
    """
    absolute = Path(os.path.abspath(path))
    if is_checkpoint(absolute):
        return str(absolute), next(filter(is_run, absolute.parents), None)
    if absolute.is_dir() and absolute.suffix == ".ckpt":
        raise ConfigurationError(
            f"'{path}' is not a complete sharded checkpoint (it lacks {SHARDED_REST}): give another"
        )
    require_run(path, "a run folder or a checkpoint")
    best, last = (absolute / name for name in CHECKPOINTS[:2])
    if not best.exists() and not last.exists():
        others = [file for file in best.parent.glob("**/[!.]*.ckpt") if is_checkpoint(file)]
        newest = max(others, key=os.path.getmtime, default=None)
        hint = f"give '{newest}'" if newest else "train with a checkpoint callback"
        raise ConfigurationError(f"the run in '{path}' has no {CHECKPOINTS[0]}: {hint}")
    if not best.exists():
        log.warning("the run in '%s' has no best.ckpt: last.ckpt is loaded", path)
    return find_checkpoint(best if best.exists() else last)


def read_config(file: Path) -> DictConfig:
    """Return the recorded config of a run.

    Raises:
        ConfigurationError: if it cannot be read, or a key that `load` needs is missing.
    """
    needed = ("task._target_", "dataset", "tokenizer")
    try:
        config = OmegaConf.load(file)
        lacking = [key for key in needed if OmegaConf.select(config, key) is None]
    except (yaml.YAMLError, UnicodeDecodeError, OmegaConfBaseException) as error:
        raise ConfigurationError(
            f"'{file}' cannot be read: {first_line(error)}; restore the recorded config"
        ) from error
    if lacking:
        raise ConfigurationError(f"'{file}' has no '{lacking[0]}': restore the recorded config")
    assert isinstance(config, DictConfig)
    return config


def enter_project(folder: Path) -> tuple[Path, Path]:
    """Make the code of a run's project importable.

    The project is that of the script that was started, or of the folder in which the command was
    typed, or the one around the run folder.

    Args:
        folder: the run folder.

    Returns:
        The project, and the folder from which the relative paths of the run start.

    Raises:
        ConfigurationError: if the manifest is malformed.
    """
    manifest = read_manifest(folder / MANIFEST)
    directory, program = Path(manifest["directory"]), manifest["command"][:1]
    places = [Path(directory, *program).parent, directory, *folder.parents]
    # Unlike pathlib's, these functions return False for a folder that may not be read.
    project = next((p for p in places if os.path.isfile(p / "conf/config.yaml")), directory)
    if os.path.isdir(project) and str(project) not in sys.path:
        sys.path.insert(0, str(project))
    return project, directory if os.path.isdir(directory) else project


def check_project(cls: type, project: Path | None, argument: str) -> None:
    """Check that a class is not that of another project with a package of the same name.

    Python imports a package once per process, from the first project that is loaded.

    Args:
        cls: the class.
        project: the project of the run; None for a checkpoint without a run.
        argument: the argument of `load` in place of the record, for the message.

    Raises:
        ConfigurationError: if the project has the package, but not the file of the class.
    """
    package = cls.__module__.partition(".")[0]
    if not project or not any(os.path.exists(project / n) for n in (package, f"{package}.py")):
        return
    file = Path(inspect.getfile(cls)).resolve()
    if not file.is_relative_to(project.resolve()):
        raise ConfigurationError(
            f"{cls.__module__} is imported from '{file}', not from '{project}', the project of the "
            f"run: load the run in another process, or give {argument}=<class>"
        )


def class_of(
    checkpoint: str, argument: str, target: str | None, base: type[T], record: ClassRecord | None
) -> type[T]:
    """Return the class that a run records.

    Args:
        checkpoint: path of the checkpoint, for the error message.
        argument: argument of `load` that replaces the recorded class, for the error message.
        target: import path of the class, or None if none is recorded.
        base: the required base class.
        record: the record of the class in the checkpoint, for the error message.

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
    instead = ""
    if record:
        lost = joined([*record["methods"], *record["hyperparameters"]]) or "code of its own"
        instead = f", or base_class=True for {record['base'].rpartition('.')[2]} without {lost}"
    raise ConfigurationError(
        f"cannot load '{checkpoint}' as {target}: {reason}; put the folder of its project on "
        f"sys.path, or give {argument}=<class>{instead}"
    )
