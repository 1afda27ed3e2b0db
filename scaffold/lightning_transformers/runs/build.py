"""Build the task, the data and the trainer of a composed config, or restore a checkpoint."""

from __future__ import annotations

import copy
import logging
import os
from collections.abc import Iterable, Mapping
from glob import glob
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import InstantiationException
from hydra.utils import get_class, to_absolute_path
from omegaconf import DictConfig, OmegaConf

from lightning_transformers.base.errors import ConfigurationError, joined
from lightning_transformers.base.hyperparameters import to_plain
from lightning_transformers.base.instantiation import instantiate
from lightning_transformers.config.checks import check_is_file
from lightning_transformers.config.config_tree import to_dict
from lightning_transformers.config.launcher import watch_ranks
from lightning_transformers.config.processes.threads import use_available
from lightning_transformers.config.targets import locate
from lightning_transformers.runs.monitors import callbacks_with_modes
from lightning_transformers.training.checkpoint import TRAINING_KEYS, read_checkpoint
from lightning_transformers.training.formulas import FORMULAS, recorded_formulas

if TYPE_CHECKING:
    import torch
    from pytorch_lightning import Callback, Trainer

    from lightning_transformers.base.types import Settings
    from lightning_transformers.core import TaskTransformer, TransformerDataModule
    from lightning_transformers.training.checkpoint_identity import ClassRecord

log = logging.getLogger(__name__)

LOADING = ("attn_implementation", "dtype", "device_map", "quantization")
"""Fields of the backbone that a command may set for the model of a checkpoint."""
HELD_OUT = {"seed", "train_val_split", "fold", "group_column"}
"""Hyperparameters that decide which rows are held out for validation."""
PATHS = ("_file", "_dir", "_path", "dataset_name")
"""Endings of the names of keys whose value may be a path."""


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy, torch and the workers of dataloaders."""
    import pytorch_lightning  # late: a mistake in the config needs no torch

    pytorch_lightning.seed_everything(seed, workers=True, verbose=False)


def build_data(
    config: DictConfig, processor: object = None, recorded: Mapping[str, object] | None = None
) -> TransformerDataModule:
    """Return the data module that the group `dataset` names, by default that of the task.

    Args:
        config: the composed config.
        processor: tokenizer or image processor; by default that of the group `tokenizer`.
        recorded: hyperparameters of the data that a checkpoint records. They replace those that the
            config leaves at their defaults, except for the sources of the rows.

    Raises:
        ConfigurationError: for an unknown hyperparameter, or one of a wrong type.
    """
    target = config.dataset.get("_target_") or task_class(config).data_module_type
    cls: type[TransformerDataModule] = get_class(target)
    keys = to_dict(config.dataset)
    keys.pop("_target_", None)
    if recorded is not None:
        keys |= processing(cls, recorded, keys)
    return cls(processor or instantiate("tokenizer", config.tokenizer), **keys)


def processing(
    cls: type[TransformerDataModule], recorded: Mapping[str, object], given: Mapping[str, object]
) -> dict[str, object]:
    """Return the recorded hyperparameters that replace those of the config.

    Rows are then processed as in training, for example with the same `max_length`. Only
    hyperparameters that the config leaves at their defaults are replaced, and of those that every
    data module has only those of `HELD_OUT`: with others, the validation set would contain
    training rows.

    Args:
        cls: the class of the data module.
        recorded: all hyperparameters of the data module, from a checkpoint.
        given: the keys of the config's group `dataset`.

    Returns:
        Values by name, for `cls(...)` in place of those in `given`.
    """
    from lightning_transformers.base.hyperparameters import declared_hyperparameters
    from lightning_transformers.core import TransformerDataModule

    sources = declared_hyperparameters(TransformerDataModule, TransformerDataModule) - HELD_OUT
    own = declared_hyperparameters(cls, TransformerDataModule) - sources
    own = {name for name in own if not name.endswith("_file")}
    return {
        name: recorded[name]
        for name in own & recorded.keys()
        if name not in given or given[name] == getattr(cls, name, None)
    }


def build_model(config: DictConfig, data: TransformerDataModule) -> TaskTransformer:
    """Return the task of a composed config, with as many classes or tokens as the data has.

    Args:
        config: the composed config.
        data: the data module, of which only `model_data_kwargs` is used.

    Raises:
        ConfigurationError: for an unknown hyperparameter, or a backbone that cannot be loaded.
    """
    task_class(config)
    try:
        # Not `instantiate`: an error may be one of the task's code, which needs its traceback.
        kwargs = data.model_data_kwargs
        model: TaskTransformer = hydra.utils.instantiate(config.task, model_data_kwargs=kwargs)
    except InstantiationException as error:
        if "multiple values for argument 'backbone'" not in str(error.__cause__):
            raise
        raise ConfigurationError(
            f"{config.task._target_}.__init__ passes the model type first, as in "
            "lightning-transformers: remove __init__ and set the class attribute default_model_type"
        ) from error
    return model


def build_trainer(
    config: DictConfig,
    *first: Callback,
    loggers: DictConfig | None = None,
    model: TaskTransformer | None = None,
) -> Trainer:
    """Return the trainer of a composed config, with its loggers and callbacks.

    From now on rank 0 watches the other ranks, see `watch_ranks`.

    Args:
        config: the composed config.
        first: callbacks that precede those of the config.
        loggers: replaces the config group `logger`.
        model: the task, whose metrics say whether higher values of them are better.

    Raises:
        ConfigurationError: if the mode of a monitored metric is unknown.
    """
    from pytorch_lightning.callbacks import Checkpoint, ModelSummary, ProgressBar

    from lightning_transformers.callbacks import ParameterTable
    from lightning_transformers.training.checkpoint_io import BackgroundCheckpointIO
    from lightning_transformers.training.lightning_internals import replace_checkpoint_io

    metrics: Any = model and model.metrics["val"]
    chosen = callbacks_with_modes(config, metrics.by_logged_name() if metrics else {})
    callbacks = [*first, *instances("callbacks", chosen)]
    if not config.trainer.get("enable_progress_bar", True):  # Lightning would refuse the bar
        callbacks = [callback for callback in callbacks if not isinstance(callback, ProgressBar)]
    built = instances("logger", config.logger if loggers is None else loggers)
    # Lightning would add a table and a checkpoint callback of its own.
    summarizes = any(isinstance(callback, ModelSummary) for callback in callbacks)
    if config.trainer.get("enable_model_summary", True) and not summarizes:
        callbacks.append(ParameterTable())
    saves = any(isinstance(callback, Checkpoint) for callback in callbacks)
    trainer: Trainer = instantiate(
        "trainer",
        config.trainer,
        callbacks=callbacks,
        logger=built or False,
        enable_checkpointing=config.trainer.get("enable_checkpointing", saves),
    )
    if config.training.get("async_checkpoints"):  # older configs lack it
        replace_checkpoint_io(trainer, BackgroundCheckpointIO())
    use_available(trainer.num_devices)
    watch_ranks(trainer.num_devices)
    return trainer


def instances(group: str, config: DictConfig) -> list[Any]:
    """Return an instance of each entry of a group, such as `callbacks`, in their order."""
    return [instantiate(f"{group}.{name!s}", each) for name, each in config.items()]


def first_device(config: DictConfig) -> torch.device:
    """Return the first of the trainer's devices, for a command that runs in one process."""
    devices = config.trainer.get("devices")
    trainer: Trainer = instantiate(
        "trainer",
        config.trainer,
        devices=list(devices[:1]) if OmegaConf.is_list(devices) else 1,
        num_nodes=1,
        strategy="auto",
        logger=False,
        enable_checkpointing=False,
    )
    return trainer.strategy.root_device


def check_files(data: TransformerDataModule, splits: Iterable[str]) -> None:
    """Check that the files of splits exist.

    Raises:
        ConfigurationError: for the first missing file.
    """
    for split in splits:
        data.files_of(split)


def restore(
    config: DictConfig, splits: Iterable[str] = (), quantized: bool = True
) -> tuple[TaskTransformer, TransformerDataModule]:
    """Return the task and the data of a composed config, from `checkpoint_path` if it names one.

    The weights, the classes and the hyperparameters are those of the checkpoint, except for
    hyperparameters that the config sets to another value than the class has. The sources of the
    rows, `trust_remote_code` and, if set, the fields of the backbone in `LOADING` are those of the
    config.

    Args:
        config: the composed config.
        splits: the splits to read; their files must exist, which is checked before a model is
            loaded.
        quantized: quantize the backbone of a checkpoint as the config or the checkpoint says.

    Raises:
        ConfigurationError: if a file is missing, or the checkpoint is unreadable, one of another
            task, or does not fit; for a hyperparameter as `build_data` and `build_model`.
    """
    from lightning_transformers.core import TransformerDataModule
    from lightning_transformers.training.checkpoint_identity import recorded_class
    from lightning_transformers.training.former_checkpoint import is_former

    path = checkpoint_path(config)
    if path is None:
        data = build_data(config)
        check_files(data, splits)
        return build_model(config, data), data
    if is_former(path):
        return restore_former(config, path, splits)
    cls = task_class(config)
    trusted = bool(config.backbone.get("trust_remote_code"))
    loading = {n: v for n in LOADING if (v := to_plain(config.backbone.get(n))) is not None}
    if not quantized:
        loading |= {"quantization": None, "device_map": None}
    content = read_checkpoint(path)
    recorded = task_hyperparameters(cls, content, trusted, loading)
    backbone = {name: value for name, value in recorded.items() if name == "backbone"}
    processor = instantiate("tokenizer", config.tokenizer, **backbone)
    data = build_data(config, processor, recorded_hyperparameters(content))
    report_lost(type(data), recorded_class(content, "data"), TransformerDataModule, path)
    check_files(data, splits)
    stated = stated_hyperparameters(cls, config)
    return load_checkpoint(cls, path, trusted, loading, **stated), data


def restore_former(
    config: DictConfig, path: str, splits: Iterable[str]
) -> tuple[TaskTransformer, TransformerDataModule]:
    """Return the task and the data of a config, with weights that lightning-transformers trained.

    Only tensors are read from the checkpoint, and its backbone's name if the command line sets
    none. Numbers of labels and tokens are those of the weights.

    Args:
        config: the composed config.
        path: a checkpoint for which `is_former` holds.
        splits: as in `restore`.

    Raises:
        ConfigurationError: if a file is missing, or the checkpoint has no weights, or they do not
            fit the backbone.
    """
    from lightning_transformers.models.backbone import load_state
    from lightning_transformers.training.former_checkpoint import read_weights, recorded_name

    weights, config = read_weights(path), copy.deepcopy(config)
    typed = HydraConfig.get().overrides.task if HydraConfig.initialized() else []
    named = any(word.lstrip("+").startswith("backbone") for word in typed)
    values: dict[str, object] = {"random_weights": True}
    if not named and (name := recorded_name(path)):
        values |= {"pretrained_model_name_or_path": name}
    for key, value in values.items():
        OmegaConf.update(config, f"backbone.{key}", value, force_add=True)
    data = build_data(config)
    check_files(data, splits)
    model = build_model(config, data).model
    now = model.state_dict()
    rows = {n: len(w) for n, w in weights.items() if n in now and w.shape != now[n].shape}
    for name, number in rows.items():
        is_head = not name.startswith(f"{model.base_model_prefix}.")
        is_label = is_head and model.get_output_embeddings() is None
        key = "num_labels" if is_label else "vocab_size"
        if key not in data.model_data_kwargs:
            OmegaConf.update(config, f"backbone.config.{key}", number, force_add=True)
    task = build_model(config, data)
    misfit = load_state(task.model, weights)
    if misfit:
        raise ConfigurationError(
            f"the weights of {path} do not fit '{task.backbone.pretrained_model_name_or_path}': "
            f"{misfit}; give backbone.pretrained_model_name_or_path=<that of the run>"
        )
    return task, data


def stated_hyperparameters(cls: type[TaskTransformer], config: DictConfig) -> dict[str, Any]:
    """Return the hyperparameters that the config sets to another value than the class's default.

    They replace those of a checkpoint.

    Args:
        cls: the class of the task.
        config: the composed config.
    """
    from lightning_transformers.base.hyperparameters import declared_hyperparameters
    from lightning_transformers.core import TaskTransformer

    # Of the keys that every task has, null means that the class decides.
    values = {
        n: v for n, v in to_dict(config.task).items() if n not in TRAINING_KEYS or v is not None
    }
    declared = declared_hyperparameters(cls, TaskTransformer) & values.keys()
    return {name: values[name] for name in declared if values[name] != getattr(cls, name, None)}


def load_checkpoint(
    cls: type[TaskTransformer],
    path: str,
    trust_remote_code: bool = False,
    loading: Settings | None = None,
    directory: Path = Path(),
    **hyperparameters: Any,
) -> TaskTransformer:
    """Return a task with weights, hyperparameters and formulas of a checkpoint, on the CPU.

    Args:
        cls: the class of the task.
        path: the checkpoint; it is read with `weights_only=True`.
        trust_remote_code: run code that the repository of the backbone ships; the checkpoint's own
            value is ignored, since the file may come from elsewhere.
        loading: fields of the backbone that replace the recorded ones, see `LOADING`.
        directory: the folder that a relative path of the backbone starts from.
        hyperparameters: replace the recorded ones.

    Raises:
        ConfigurationError: if the file is not a checkpoint, the backbone cannot be loaded, or the
            weights do not fit the class.
    """
    from lightning_transformers.core import TaskTransformer
    from lightning_transformers.training.checkpoint_identity import recorded_class
    from lightning_transformers.training.lightning_internals import module_of

    content = read_checkpoint(path, with_weights=True)
    report_lost(cls, recorded_class(content, "task"), TaskTransformer, path)
    recorded = task_hyperparameters(cls, content, trust_remote_code, loading or {}, directory)
    content[cls.CHECKPOINT_HYPER_PARAMS_KEY] = recorded | hyperparameters
    task = cast("TaskTransformer", module_of(cls, content))
    task.formulas = recorded_formulas(content)
    if task.formulas < FORMULAS:
        log.info(
            "%s was trained with formulas of version %d, which its losses and metrics have, too "
            "(now %d)",
            *(path, task.formulas, FORMULAS),
        )
    return task


def task_hyperparameters(
    cls: type[TaskTransformer],
    content: dict[str, Any],
    trust_remote_code: bool,
    loading: Settings,
    directory: Path = Path(),
) -> dict[str, Any]:
    """Return the hyperparameters with which `cls` is built from a checkpoint.

    The `backbone` among them is a dict, missing if a class of the project sets it itself. The base
    of a project's class gets the values with which it built the model.

    Args:
        cls: the class of the task.
        content: the content of the checkpoint.
        trust_remote_code: as in `load_checkpoint`, like the other arguments.
        loading: the fields of the backbone.
        directory: the folder.
    """
    from lightning_transformers.training.checkpoint_identity import path_of, recorded_class

    recorded = dict(content.get(cls.CHECKPOINT_HYPER_PARAMS_KEY, {}))
    record = recorded_class(content, "task")
    if record and record["base"] == path_of(cls):
        recorded |= record["values"]
        for name in record["hyperparameters"]:
            recorded.pop(name, None)
    if (backbone := recorded.get("backbone")) is not None:
        named = {"pretrained_model_name_or_path": backbone}
        fields = absolute_paths(named if isinstance(backbone, str) else backbone, directory)
        fields["trust_remote_code"] = trust_remote_code
        fields |= loading
        recorded["backbone"] = fields
    return recorded


def report_lost(cls: type, record: ClassRecord | None, root: type, path: str) -> None:
    """Warn if a class lacks methods or hyperparameters of the class that a checkpoint records.

    Args:
        cls: the class of the task or of the data.
        record: the recorded class.
        root: base class in `core`.
        path: the checkpoint.
    """
    from lightning_transformers.training.checkpoint_identity import lost_members

    if record and (lost := lost_members(cls, record, root)):
        log.warning(
            "'%s' was trained with %s: %s lacks its %s",
            *(os.path.relpath(path), record["name"], cls.__name__, joined(lost)),
        )


def absolute_paths(values: Mapping[str, Any], directory: Path) -> dict[str, Any]:
    """Return settings with relative paths joined to a directory, where the result exists.

    Args:
        values: settings by name; only names that end as in `PATHS` may hold a path, a glob or
            a list of these.
        directory: the folder from which the relative paths start.
    """
    from lightning_transformers.core.data import SAMPLE

    def absolute(value: Any) -> Any:
        if isinstance(value, list):
            return [absolute(part) for part in value]
        joined = str(directory / value) if isinstance(value, str) else ""
        return joined if os.path.exists(joined) or glob(joined) else value

    return {
        name: absolute(value)
        if name.endswith(PATHS) and (name, value) != ("dataset_name", SAMPLE)
        else value
        for name, value in values.items()
    }


def recorded_hyperparameters(checkpoint: Mapping[str, Any]) -> dict[str, object]:
    """Return the hyperparameters of the data module that a checkpoint records, or an empty dict."""
    from pytorch_lightning import LightningDataModule

    return dict(checkpoint.get(LightningDataModule.CHECKPOINT_HYPER_PARAMS_KEY, {}))


def task_class(config: DictConfig) -> type[TaskTransformer]:
    """Return the class that the task's `_target_` names.

    Raises:
        ConfigurationError: if it cannot be imported.
    """
    return locate(str(config.task._target_), "task._target_")  # type: ignore[return-value]


def checkpoint_path(config: DictConfig) -> str | None:
    """Return the absolute path of the config's checkpoint, or None if it names none.

    A relative path starts from the folder in which the command was typed.

    Raises:
        ConfigurationError: if the file is missing, is not a checkpoint, or is one of another task.
    """
    if config.checkpoint_path is None:
        return None
    path = to_absolute_path(config.checkpoint_path)
    check_is_file(config.checkpoint_path)
    from lightning_transformers.training.former_checkpoint import is_former

    if not is_former(path):
        check_checkpoint(task_class(config), path)
    return path


def check_checkpoint(cls: type[TaskTransformer], path: str) -> None:
    """Check that a file is a checkpoint that a class can load, see `check_task`.

    Args:
        cls: the class of the task.
        path: the file.

    Raises:
        ConfigurationError: if it is not a checkpoint, or is one of another task.
    """
    from lightning_transformers.training.checkpoint_identity import check_task

    check_task(cls, read_checkpoint(path), path)
