"""Which file gives each key of a run's config."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from lightning_transformers.config.config_tree import PACKAGED_CONFIGS, to_dict

TYPED = "command line"


def origins(config: DictConfig) -> dict[str, str]:
    """Return the file that gives each key of the config of the present run, or `command line`.

    The files of a config are merged in the order of the defaults list: the last that has a key
    gives it.
    """
    given = {key: _shown(file) for file, keys in _files_of_the_run() for key in keys}
    typed = {
        override.partition("=")[0].lstrip("+") for override in HydraConfig.get().overrides.task
    }
    keys = [key for key, _ in leaves(to_dict(config, resolve=False))]
    return {key: TYPED if key in typed else given.get(key, TYPED) for key in keys}


def origin(key: str) -> str:
    """Return `<file>: ` for the file of the project that gives a key to the present run.

    Nothing is returned for a key that was typed, and outside of a run.
    """
    if not (HydraConfig.initialized() and GlobalHydra.instance().is_initialized()):
        return ""
    job = HydraConfig.get()
    is_group = key in job.runtime.choices  # typed is then its option, and not its content
    if not is_group and any(word.lstrip("+").startswith(f"{key}=") for word in job.overrides.task):
        return ""
    for file, keys in reversed([*_files_of_the_run()]):
        gives = any(name == key or name.startswith(f"{key}.") for name in keys)
        if gives and PACKAGED_CONFIGS not in file.parents:
            return f"{os.path.relpath(file)}: "
    return ""


def leaves(config: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    """Yield the keys that have a value and no keys below them, with their values."""
    for name, value in config.items():
        if isinstance(value, Mapping) and value:
            yield from leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _files_of_the_run() -> Iterator[tuple[Path, list[str]]]:
    """Yield each file of the present config, the project's before the package's, and its keys."""
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
    content = yaml.safe_load(file.read_text()) or {}
    content.pop("defaults", None)
    for key, _ in leaves(content):
        yield f"{package}.{key}" if package else key
    if not content:
        yield package


def _shown(file: Path) -> str:
    package = PACKAGED_CONFIGS.parents[1]
    return str(file.relative_to(package) if file.is_relative_to(package) else os.path.relpath(file))
