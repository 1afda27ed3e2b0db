"""Check a composed config before anything is loaded: what is missing, unknown or of a wrong type.

What needs no torch is checked first, and torch imported only when that has passed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from lightning_transformers.base.errors import (
    NO_DATASET,
    ConfigurationError,
    did_you_mean,
    first_line,
)
from lightning_transformers.config.arguments import check_targets
from lightning_transformers.config.config_tree import BASE_OPTION, names_of, to_dict
from lightning_transformers.config.legacy import hint
from lightning_transformers.config.provenance import origin
from lightning_transformers.config.targets import PACKAGE, ArgumentError

SOURCES = ("train_file", "validation_file", "test_file", "dataset_name")
GROUPS = ("training", "trainer", "backbone", "tokenizer", "dataset", "callbacks", "logger")
"""The groups, besides the task, that every command reads."""
OVERLAYS = ("experiment", "debug", "local")
"""Groups whose options have no package of their own, but set keys of the others."""

GIVE_TASK = "give +task=nlp/language_modeling, or one of your own"


def check_config(config: DictConfig, *, needs_dataset: bool = True) -> None:
    """Check a composed config.

    Args:
        config: the config of a run.
        needs_dataset: whether rows have to come from somewhere, as they do for training.

    Raises:
        ConfigurationError: for the first mistake, with the file that it is in.
    """
    for group in GROUPS:
        if group not in config:
            raise ConfigurationError(f"the group {group} cannot be left out: drop ~{group}")
        if not isinstance(config[group], DictConfig):
            raise ConfigurationError(f"{origin(group)}{group}={config[group]} is no group of keys")
    ours = str(config.dataset.get("_target_", PACKAGE)).startswith(PACKAGE)
    if needs_dataset and ours and not any(config.dataset.get(source) for source in SOURCES):
        raise ConfigurationError(NO_DATASET)
    if not isinstance(config.get("task"), DictConfig):
        raise ConfigurationError(f"no task: {GIVE_TASK}")
    choice = choices(config).get("task")
    if OmegaConf.is_missing(config.task, "_target_") and str(choice).endswith(BASE_OPTION):
        raise ConfigurationError(f"task={choice} is what tasks are built on, and none: {GIVE_TASK}")
    values = resolved(config)
    check_known_keys(config)
    try:
        check_targets(values)
    except ArgumentError as error:
        said = hint(f"{error.key}={error.value}") or f"{origin(error.key)}{error}"
        raise ConfigurationError(said) from None


def choices(config: DictConfig) -> Mapping[str, object]:
    """Return which option of each group was chosen, or outside of a run the config itself."""
    return HydraConfig.get().runtime.choices if HydraConfig.initialized() else config


def resolved(config: DictConfig) -> dict[str, object]:
    """Return a config as plain Python, its interpolations resolved.

    Raises:
        ConfigurationError: for a value that is missing or cannot be worked out.
    """
    try:
        return to_dict(config, throw_on_missing=True)
    except MissingMandatoryValue as error:
        key = str(error.full_key)
        raise ConfigurationError(f"{origin(key)}{key} has no value: give {key}=<value>") from error
    except OmegaConfBaseException as error:
        key = str(error.full_key)
        raise ConfigurationError(f"{origin(key)}{key}: {first_line(error)}") from error


def check_known_keys(config: DictConfig) -> None:
    """Check that something reads the keys of the top level and of `training`.

    The package does, and interpolations may; what a project adds as a group is left alone.
    """
    interpolations = re.findall(r"\$\{.*", OmegaConf.to_yaml(config))
    read = set(re.findall(r"\w+", " ".join(interpolations))) - set(OVERLAYS)
    for group in OVERLAYS:
        if config.get(group) is not None:
            where = origin(group) or f"{group}: "
            raise ConfigurationError(f"{where}the first line has to be `# @package _global_`")
    # `tiny` comes with backbone=tiny, and may be left unread by another path over it.
    top = {*names_of("config.yaml"), *choices(config), "tiny"}
    training = names_of("training/default.yaml")
    for prefix, node, known in (("", config, top), ("training.", config.training, training)):
        for name in map(str, node):
            if name not in known and name not in read:
                key = f"{prefix}{name}"
                near = did_you_mean(name, known & set(node))
                raise ConfigurationError(
                    hint(f"{key}={node[name]}") or f"{origin(key)}nothing reads {key}{near}"
                )
