"""From a composed config to the model, the data and the trainer."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.utils import get_class, instantiate, to_absolute_path
from omegaconf import DictConfig, OmegaConf

from lightning_transformers.errors import NO_DATASET, ConfigurationError, did_you_mean

if TYPE_CHECKING:
    from pytorch_lightning import Trainer

    from lightning_transformers.core import TaskTransformer, TransformerDataModule

PACKAGE = "lightning_transformers."
SOURCES = ("train_file", "validation_file", "test_file", "dataset_name")


def check_config(config: DictConfig) -> None:
    """Raise ConfigurationError for what is missing, before torch is imported."""
    ours = str(config.dataset.get("_target_", PACKAGE)).startswith(PACKAGE)
    if ours and not any(config.dataset.get(source) for source in SOURCES):
        raise ConfigurationError(NO_DATASET)
    check_task(config)


def check_task(config: DictConfig) -> None:
    """Raise ConfigurationError if the config names no task."""
    if config.get("task") is None:
        raise ConfigurationError("no task: give +task=nlp/language_modeling, or one of your own")


def build_data(config: DictConfig) -> TransformerDataModule:
    """Return the data module of the `dataset` group, or the task's own where it names none."""
    target = config.dataset.get("_target_") or task_class(config).data_module_type
    keys: Any = OmegaConf.to_container(config.dataset, resolve=True)
    keys.pop("_target_", None)
    return get_class(target)(instantiate(config.tokenizer), **keys)  # type: ignore[no-any-return]


def build_model(config: DictConfig, data: TransformerDataModule) -> TaskTransformer:
    """Return the task, which fits the data."""
    task_class(config)
    model = instantiate(config.task, model_data_kwargs=data.model_data_kwargs)
    return model  # type: ignore[no-any-return]


def build_trainer(config: DictConfig) -> Trainer:
    """Return the trainer with the callbacks and loggers that the config names."""
    callbacks = [instantiate(callback) for callback in config.callbacks.values()]
    loggers = [instantiate(logger) for logger in config.logger.values()]
    trainer = instantiate(config.trainer, callbacks=callbacks, logger=loggers or False)
    return trainer  # type: ignore[no-any-return]


def task_class(config: DictConfig) -> type[TaskTransformer]:
    """Return the class that the task's `_target_` names.

    Raises:
        ConfigurationError: if there is no such module or class. An error within the module is
            raised as it is: Hydra's own look-up would hide its file and line.
    """
    module_name, _, name = str(config.task._target_).rpartition(".")
    try:
        module = import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise
        raise ConfigurationError(
            f"there is no module '{error.name}' for task._target_={config.task._target_}"
        ) from error
    if not hasattr(module, name):
        hint = did_you_mean(name, (n for n in dir(module) if n.endswith("Transformer")))
        raise ConfigurationError(f"the module '{module_name}' has no class '{name}'{hint}")
    return getattr(module, name)  # type: ignore[no-any-return]


def build_predictor(config: DictConfig) -> TaskTransformer:
    """Return the task with the weights of `checkpoint_path`, or else as the backbone gives them."""
    path = checkpoint_path(config)
    cls = task_class(config)
    if path is None:
        return instantiate(config.task)  # type: ignore[no-any-return]
    return cls.load_from_checkpoint(path, map_location="cpu", weights_only=True)


def checkpoint_path(config: DictConfig) -> str | None:
    """Return the checkpoint to start from, if any, relative to where the command was typed.

    Raises:
        ConfigurationError: if it is not there.
    """
    if config.checkpoint_path is None:
        return None
    path = to_absolute_path(config.checkpoint_path)
    if not Path(path).is_file():
        raise ConfigurationError(f"there is no checkpoint at '{config.checkpoint_path}'")
    return path
