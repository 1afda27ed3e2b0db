"""Which file or override sets each key of a run's config."""

import copy
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import hydra
import yaml
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from lightning_transformers.config.config_tree import PACKAGED_CONFIGS, to_dict, value_at

COMMAND_LINE = "command line"
NO_SETTING = ("tiny.", "training.run_dir")
"""Starts of the keys that say nothing about a training."""


def origins(config: DictConfig) -> dict[str, str]:
    """Return the file that sets each key of the current run's config, or `command line`.

    Args:
        config: the composed config, in a Hydra run.

    Returns:
        Dotted key to file. The last file in the defaults list that has a key sets it.
    """
    given = {key: _display_path(file) for file, keys in _files_of_the_run() for key in keys}
    typed = {
        override.partition("=")[0].lstrip("+") for override in HydraConfig.get().overrides.task
    }
    keys = [key for key, _ in leaves(to_dict(config, resolve=False))]
    return {key: COMMAND_LINE if key in typed else given.get(key, COMMAND_LINE) for key in keys}


def changed_settings(config: DictConfig) -> dict[str, list[object]]:
    """Return the default and the value of each key that differs from the defaults of the task.

    The defaults are those of the project and the package. Interpolations are resolved in the run's
    config to compare them, and returned as written, since they may read a secret from the
    environment. Empty outside of a Hydra run, and without complete defaults.

    Args:
        config: the composed config.
    """
    if not (HydraConfig.initialized() and GlobalHydra.instance().is_initialized()):
        return {}
    job = HydraConfig.get()
    chosen = [f"task={job.runtime.choices['task']}"]
    try:
        plain = hydra.compose(job.job.config_name, chosen)
    except HydraException:  # the command line makes a choice that the project leaves open
        return {}
    defaults, given = (dict(leaves(to_dict(c, resolve=False))) for c in (plain, config))
    return {
        key: [defaults.get(key), given.get(key)]
        for key in {**given, **defaults}
        if given.get(key) != defaults.get(key) and not key.startswith(NO_SETTING)
        if _resolved(config, key, given.get(key)) != _resolved(config, key, defaults.get(key))
    }


def in_file(key: str) -> str:
    """Return `<file>: ` for the project's config file that sets a key, to begin an error message.

    Empty for a key set on the command line or by the package, and outside a Hydra run.

    Args:
        key: dotted key, or the name of a group.
    """
    if not (HydraConfig.initialized() and GlobalHydra.instance().is_initialized()):
        return ""
    job = HydraConfig.get()
    is_group = key in job.runtime.choices  # an override then sets the option, not the content
    if not is_group and any(word.lstrip("+").startswith(f"{key}=") for word in job.overrides.task):
        return ""
    for file, keys in reversed([*_files_of_the_run()]):
        gives = any(name == key or name.startswith(f"{key}.") for name in keys)
        if gives and PACKAGED_CONFIGS not in file.parents:
            return f"{os.path.relpath(file)}: "
    return ""


def leaves(config: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    """Yield the dotted key and the value of each leaf of a nested mapping.

    Args:
        config: the mapping; an empty mapping in it is a leaf.
        prefix: start of every key, such as `dataset.`.
    """
    for name, value in config.items():
        if isinstance(value, Mapping) and value:
            yield from leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _resolved(config: DictConfig, key: str, written: object) -> object:
    if "${" not in str(written):
        return written
    config = copy.deepcopy(config)
    OmegaConf.update(config, key, written, force_add=True)
    return value_at(config, key)


def _files_of_the_run() -> Iterator[tuple[Path, list[str]]]:
    """Yield each file of the run's config, in the order of the defaults list, with its keys."""
    job = HydraConfig.get()
    sources = [source.path for source in job.runtime.config_sources if source.schema == "file"]
    folders = [*map(Path, sources), PACKAGED_CONFIGS]
    loader = GlobalHydra.instance().config_loader()
    typed = [*job.overrides.task]
    for default in loader.compute_defaults_list(job.job.config_name, typed, RunMode.RUN).defaults:
        files = (folder / f"{default.config_path}.yaml" for folder in folders)
        if file := next((file for file in files if file.is_file()), None):
            yield file, [*_keys_in(file, default.package or "")]


def _keys_in(file: Path, package: str) -> Iterator[str]:
    content = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    content.pop("defaults", None)
    for key, _ in leaves(content):
        yield f"{package}.{key}" if package else key
    if not content:
        yield package


def _display_path(file: Path) -> str:
    package = PACKAGED_CONFIGS.parents[1]
    return str(file.relative_to(package) if file.is_relative_to(package) else os.path.relpath(file))
