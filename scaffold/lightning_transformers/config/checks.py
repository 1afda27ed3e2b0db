"""Check a composed config for missing, unknown and mistyped values before loading anything.

The checks that need no torch come first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import fields
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.utils import to_absolute_path
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from lightning_transformers.base.errors import (
    NO_DATASET,
    ConfigurationError,
    did_you_mean,
    first_line,
)
from lightning_transformers.base.run_folder import is_checkpoint
from lightning_transformers.config.config_tree import (
    BASE_OPTION,
    PACKAGED_CONFIGS,
    keys_in_file,
    to_dict,
)
from lightning_transformers.config.former_keys import check_former_keys
from lightning_transformers.config.legacy import former_key
from lightning_transformers.config.provenance import in_file, leaves
from lightning_transformers.config.schema.check import GIVE_TASK, check_targets
from lightning_transformers.config.schema.keys import Repeat
from lightning_transformers.config.schema.training_arguments import present_key
from lightning_transformers.config.targets import PACKAGE, ArgumentError
from lightning_transformers.data.reading.names import check_exists, names_in

DATASET_SOURCES = (
    *("train_file", "source_file", "validation_file", "test_file", "dataset_name", "prepared_dir"),
)
GROUPS = ("training", "trainer", "backbone", "tokenizer", "dataset", "callbacks", "logger")
"""Groups that every command reads, besides the task."""
SPLITS = ("train", "validation", "test")
"""Splits that a training or an evaluation reads."""
CHECKPOINTS = ("checkpoints/best.ckpt", "checkpoints/last.ckpt", "best.ckpt", "last.ckpt")
"""The checkpoint that a run folder, or its `checkpoints`, stands for: the first that exists."""
SELECT = "val/loss"
"""Default of `training.select`."""
GLOBAL_GROUPS = ("experiment", "debug", "local")
"""Groups whose options have the package `_global_`: they set keys of other groups."""


def check_config(config: DictConfig, *, needs_dataset: bool = True) -> None:
    """Check a composed config.

    Args:
        config: the config of a run.
        needs_dataset: whether the command loads a dataset, as training does.

    Raises:
        ConfigurationError: for the first error, prefixed with the config file that causes it.
    """
    for group in GROUPS if config.get("repeat") is None else (*GROUPS, "repeat"):
        if group not in config:
            raise ConfigurationError(
                f"the config has no group '{group}': add '- {group}: <option>' to the defaults in "
                f"conf/config.yaml, or remove ~{group}"
            )
        if not isinstance(config[group], DictConfig):
            raise ConfigurationError(
                f"{in_file(group)}{group}={config[group]} is not a mapping: choose an option of "
                f"the group, or set {group}.<key>=<value>"
            )
    check_former_keys(config)
    ours = str(config.dataset.get("_target_", PACKAGE)).startswith(PACKAGE)
    if needs_dataset and ours and not any(config.dataset.get(source) for source in DATASET_SOURCES):
        raise ConfigurationError(NO_DATASET)
    if not isinstance(config.get("task"), DictConfig):
        raise ConfigurationError(f"no task: {GIVE_TASK}")
    choice = chosen_options(config).get("task")
    if OmegaConf.is_missing(config.task, "_target_") and str(choice).endswith(BASE_OPTION):
        raise ConfigurationError(f"task={choice} is a base config, not a task: {GIVE_TASK}")
    check_known_keys(config)
    check_selection(config)
    check_folds(config)
    try:
        fit_values(config)
    except ArgumentError as error:
        former = (former_key(key, str(value)) for key, value in leaves({error.key: error.value}))
        message = next(filter(None, former), None) or f"{in_file(error.key)}{error}"
        raise ConfigurationError(message) from None


def check_inputs(config: DictConfig, splits: Iterable[str] = SPLITS) -> None:
    """Check that the files of splits and the checkpoint exist, before torch is imported.

    Args:
        config: a checked config.
        splits: the splits that the command reads; a data module of the project reads its own way.

    Raises:
        ConfigurationError: for the first one that is missing.
    """
    if config.checkpoint_path is not None:
        check_is_file(str(config.checkpoint_path))
    if str(config.dataset.get("_target_") or PACKAGE).startswith(PACKAGE):
        for split in splits:
            for name in names_in(to_dict(config.dataset).get(f"{split}_file") or []):
                check_exists(split, name)


def check_is_file(name: str) -> None:
    """Check that a checkpoint exists; raises ConfigurationError, with one in its folder.

    Args:
        name: path of the checkpoint.
    """
    path = Path(to_absolute_path(name))
    if not is_checkpoint(path):
        within = next((each for each in CHECKPOINTS if is_checkpoint(path / each)), None)
        hint = f" (did you mean '{Path(name, within)}'?)" if within else ""
        raise ConfigurationError(f"checkpoint_path={name} is not a file{hint}: give a checkpoint")


def fit_values(config: DictConfig) -> None:
    """Check the values of a config, and give those the type that the schema demands.

    Raises:
        ConfigurationError: for a missing value or an invalid interpolation.
        ArgumentError: for the first value that does not fit.
    """
    for key, value in check_targets(resolve(config)):
        OmegaConf.update(config, key, value)


def chosen_options(config: DictConfig) -> Mapping[str, object]:
    """Return the chosen option of each group; outside a Hydra run, the config itself."""
    return HydraConfig.get().runtime.choices if HydraConfig.initialized() else config


def resolve(config: DictConfig) -> dict[str, object]:
    """Return a config as plain Python with its interpolations resolved.

    Raises:
        ConfigurationError: for a missing value or an invalid interpolation.
    """
    try:
        return to_dict(config, throw_on_missing=True)
    except OmegaConfBaseException as error:
        key = str(error.full_key)
        missing = isinstance(error, MissingMandatoryValue)
        reason = f" has no value: set {key}=<value>" if missing else f": {first_line(error)}"
        raise ConfigurationError(f"{in_file(key)}{key}{reason}") from error


def check_known_keys(config: DictConfig) -> None:
    """Check the keys of the top level, of `training` and of `repeat`.

    A key is known if the package reads it, an interpolation refers to it, or it is a group of the
    project.

    Raises:
        ConfigurationError: for an unknown key, or a group option without `# @package _global_`.
    """
    interpolations = re.findall(r"\$\{.*", OmegaConf.to_yaml(config))
    read = set(re.findall(r"\w+", " ".join(interpolations))) - set(GLOBAL_GROUPS)
    for group in GLOBAL_GROUPS:
        if config.get(group) is not None:
            where = in_file(group) or f"{group}: "
            raise ConfigurationError(f"{where}add `# @package _global_` as the first line")
    # backbone=tiny sets `tiny`; an override of the model path may leave it unused.
    top = {*keys_in_file(PACKAGED_CONFIGS / "config.yaml"), *chosen_options(config), "tiny"}
    training = keys_in_file(PACKAGED_CONFIGS / "training/default.yaml")
    repeat = {field.name for field in fields(Repeat)}
    for prefix, node, known in (
        ("", config, top),
        ("training.", config.training, training),
        ("repeat.", config.get("repeat") or {}, repeat),
    ):
        for name in map(str, node):
            if name not in known and name not in read:
                key = f"{prefix}{name}"
                near = present_key(name) or did_you_mean(name, known & set(node))
                raise ConfigurationError(
                    former_key(key, str(node[name]))
                    or f"{in_file(key)}'{key}' is not a known key{near}"
                )


def check_selection(config: DictConfig) -> None:
    """Check that whatever monitors a metric monitors that of `training.select`, if this is set.

    Args:
        config: the composed config.

    Raises:
        ConfigurationError: if a callback or the schedule monitors another one.
    """
    selected = config.training.get("select", SELECT)
    if selected == SELECT:
        return
    monitors = {f"callbacks.{name}": each for name, each in config.callbacks.items()}
    monitors["scheduler"] = config.get("scheduler") or {}
    for place, each in monitors.items():
        monitored = each.get("monitor") or selected
        if monitored != selected:
            raise ConfigurationError(
                f"{place}.monitor={monitored} differs from training.select={selected}: remove one "
                "of them"
            )


def check_folds(config: DictConfig) -> None:
    """Check that a config with folds leaves the validation set to them, and that a group has folds.

    Raises:
        ConfigurationError: otherwise.
    """
    repeat = config.get("repeat") or {}
    if repeat.get("group") and not repeat.get("folds"):
        raise ConfigurationError(
            f"repeat.group={repeat['group']} keeps rows in the same fold: set repeat.folds=<number>"
        )
    keys = {"repeat.folds": repeat.get("folds"), "dataset.fold": config.dataset.get("fold")}
    chosen = next((f"{key}={value}" for key, value in keys.items() if value), None)
    if chosen and (file := config.dataset.get("validation_file")):
        raise ConfigurationError(
            f"{chosen} validates on parts of the training set, and dataset.validation_file={file} "
            "is another validation set: remove one of them"
        )
    if chosen and (folder := config.dataset.get("prepared_dir")):
        raise ConfigurationError(
            f"{chosen} cuts the texts, and dataset.prepared_dir={folder} has fixed splits: remove "
            "one of them"
        )
