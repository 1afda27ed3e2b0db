"""From a composed config to the model, the data and the trainer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.utils import get_class, instantiate, to_absolute_path
from omegaconf import DictConfig, OmegaConf

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.config.config_tree import to_dict
from lightning_transformers.config.targets import locate
from lightning_transformers.training.checkpoint import read_checkpoint

if TYPE_CHECKING:
    import torch
    from pytorch_lightning import Callback, Trainer

    from lightning_transformers.core import TaskTransformer, TransformerDataModule

CHECKPOINTS = ("checkpoints/best.ckpt", "checkpoints/last.ckpt", "best.ckpt", "last.ckpt")
"""Where in a folder of a run the checkpoint is that is meant."""
HELD_OUT = {"seed", "train_val_split"}
"""What decides which rows are held out to validate on."""


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy and torch; imported late, since a config error needs no torch."""
    import pytorch_lightning

    pytorch_lightning.seed_everything(seed, workers=True, verbose=False)


def build_data(
    config: DictConfig, processor: object = None, recorded: Mapping[str, object] | None = None
) -> TransformerDataModule:
    """Return the data module of the `dataset` group, or the task's own where it names none.

    Args:
        config: the composed config.
        processor: in place of what the group `tokenizer` says.
        recorded: the hyperparameters that a model was trained with; they stand in for those that
            the config leaves at their defaults, except for where rows come from.
    """
    target = config.dataset.get("_target_") or task_class(config).data_module_type
    cls: type[TransformerDataModule] = get_class(target)
    keys = to_dict(config.dataset)
    keys.pop("_target_", None)
    if recorded is not None:
        keys |= processing(cls, recorded, keys)
    return cls(processor or instantiate(config.tokenizer), **keys)


def processing(
    cls: type[TransformerDataModule], recorded: Mapping[str, object], given: Mapping[str, object]
) -> dict[str, object]:
    """Return the recorded hyperparameters of how rows are processed that the config leaves open.

    Those of the split are among them: with others, rows of the training would validate.
    """
    from lightning_transformers.base.hyperparameters import declared_hyperparameters
    from lightning_transformers.core import TransformerDataModule

    sources = declared_hyperparameters(TransformerDataModule, TransformerDataModule) - HELD_OUT
    own = declared_hyperparameters(cls, TransformerDataModule) - sources
    return {
        name: recorded[name]
        for name in own & recorded.keys()
        if name not in given or given[name] == getattr(cls, name, None)
    }


def build_model(config: DictConfig, data: TransformerDataModule) -> TaskTransformer:
    """Return the task, which fits the data."""
    task_class(config)
    model: TaskTransformer = instantiate(config.task, model_data_kwargs=data.model_data_kwargs)
    return model


def build_trainer(config: DictConfig, *first: Callback) -> Trainer:
    """Return the trainer with the loggers and, after those given, callbacks of the config."""
    from pytorch_lightning.callbacks import Checkpoint, ModelSummary

    from lightning_transformers.callbacks import ParameterTable

    callbacks = [*first, *(instantiate(callback) for callback in config.callbacks.values())]
    loggers = [instantiate(logger) for logger in config.logger.values()]
    # Lightning would add a table and a checkpoint callback of its own.
    summarizes = any(isinstance(callback, ModelSummary) for callback in callbacks)
    if config.trainer.get("enable_model_summary", True) and not summarizes:
        callbacks.append(ParameterTable())
    saves = any(isinstance(callback, Checkpoint) for callback in callbacks)
    trainer: Trainer = instantiate(
        config.trainer,
        callbacks=callbacks,
        logger=loggers or False,
        enable_checkpointing=config.trainer.get("enable_checkpointing", saves),
    )
    return trainer


def first_device(config: DictConfig) -> torch.device:
    """Return the first of the trainer's devices, for what one process does alone."""
    devices = config.trainer.get("devices")
    trainer: Trainer = instantiate(
        config.trainer,
        devices=list(devices[:1]) if OmegaConf.is_list(devices) else 1,
        num_nodes=1,
        strategy="auto",
        logger=False,
        enable_checkpointing=False,
    )
    return trainer.strategy.root_device


def restore(config: DictConfig) -> tuple[TaskTransformer, TransformerDataModule]:
    """Return the task and the data as they were trained, or without a checkpoint as configured.

    The weights, the classes and the hyperparameters come from `checkpoint_path`, except for those
    that the config sets to another value than the class has; where rows come from is the config's,
    and so is whether code of a repository may run, and how attention is computed if it says so.
    """
    path = checkpoint_path(config)
    if path is None:
        data = build_data(config)
        return build_model(config, data), data
    cls = task_class(config)
    trusted = bool(config.backbone.get("trust_remote_code"))
    attention = config.backbone.get("attn_implementation")
    model = load_checkpoint(cls, path, trusted, attention, **stated_hyperparameters(cls, config))
    processor = instantiate(config.tokenizer, backbone=asdict(model.backbone))
    return model, build_data(config, processor, recorded_hyperparameters(path))


def load(
    cls: type[TaskTransformer],
    path: str,
    data_class: type[TransformerDataModule] | None = None,
    trust_remote_code: bool = False,
) -> tuple[TaskTransformer, TransformerDataModule]:
    """Return a trained task, and its data as they were processed, to predict with.

    Args:
        cls: the class of the task.
        path: the checkpoint.
        data_class: the class of the data, if it is not the one that the task has by default.
        trust_remote_code: run code that the repository of the backbone ships.
    """
    check_checkpoint(cls, path)
    model = load_checkpoint(cls, path, trust_remote_code)
    data_class = data_class or get_class(cls.data_module_type)
    recorded = processing(data_class, recorded_hyperparameters(path), {})
    return model, data_class(model.load_processor(), **recorded)


def stated_hyperparameters(cls: type[TaskTransformer], config: DictConfig) -> dict[str, object]:
    """Return the hyperparameters of the task that the config sets to another value than it has."""
    from lightning_transformers.base.hyperparameters import declared_hyperparameters
    from lightning_transformers.core import TaskTransformer

    values = to_dict(config.task)
    declared = declared_hyperparameters(cls, TaskTransformer) & values.keys()
    return {name: values[name] for name in declared if values[name] != getattr(cls, name, None)}


def load_checkpoint(
    cls: type[TaskTransformer],
    path: str,
    trust_remote_code: bool = False,
    attn_implementation: str | None = None,
    **hyperparameters: Any,
) -> TaskTransformer:
    """Return a task with the weights and hyperparameters of a checkpoint.

    Args:
        cls: the class of the task.
        path: the checkpoint.
        trust_remote_code: run code that the repository of the backbone ships; what a checkpoint
            says of it does not count, since it may come from elsewhere.
        attn_implementation: how attention is computed, if not as recorded.
        hyperparameters: those that replace the recorded ones.

    Raises:
        ConfigurationError: if the checkpoint is of another task.
    """
    backbone = read_checkpoint(path).get(cls.CHECKPOINT_HYPER_PARAMS_KEY, {}).get("backbone")
    if backbone is not None:
        fields = {"pretrained_model_name_or_path": backbone}
        fields = fields if isinstance(backbone, str) else dict(backbone)
        fields["trust_remote_code"] = trust_remote_code
        fields["attn_implementation"] = attn_implementation or fields.get("attn_implementation")
        hyperparameters["backbone"] = fields
    return cls.load_from_checkpoint(path, map_location="cpu", weights_only=True, **hyperparameters)


def recorded_hyperparameters(path: str) -> dict[str, object]:
    """Return the hyperparameters of the data that a checkpoint's model was trained on."""
    from pytorch_lightning import LightningDataModule

    return dict(read_checkpoint(path).get(LightningDataModule.CHECKPOINT_HYPER_PARAMS_KEY, {}))


def task_class(config: DictConfig) -> type[TaskTransformer]:
    """Return the class that the task's `_target_` names; raises ConfigurationError without one."""
    return locate(str(config.task._target_), "task._target_")  # type: ignore[return-value]


def checkpoint_path(config: DictConfig) -> str | None:
    """Return the checkpoint to start from, if any, relative to where the command was typed.

    Raises:
        ConfigurationError: if it is not there, no checkpoint, or one of another task.
    """
    if config.checkpoint_path is None:
        return None
    path = to_absolute_path(config.checkpoint_path)
    if not Path(path).is_file():
        within = next((name for name in CHECKPOINTS if Path(path, name).is_file()), None)
        hint = f" (did you mean '{Path(config.checkpoint_path, within)}'?)" if within else ""
        raise ConfigurationError(f"there is no checkpoint at '{config.checkpoint_path}'{hint}")
    check_checkpoint(task_class(config), path)
    return path


def check_checkpoint(cls: type[TaskTransformer], path: str) -> None:
    """Check that a file is a checkpoint, and as far as it says of what, of the task of a class."""
    from lightning_transformers.training.checkpoint_identity import check_task

    check_task(cls, read_checkpoint(path), path)
