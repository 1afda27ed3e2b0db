"""Which file gives each key of a run's config."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from hydra.conf import HydraConf
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from lightning_transformers.config.config_tree import PACKAGED_CONFIGS

TYPED = "command line"


def origins(config: DictConfig) -> dict[str, str]:
    """Return the file that gives each key of the config of the present run, or `command line`.

    The files of a config are merged in the order of the defaults list: the last that has a key
    gives it.
    """
    job = HydraConfig.get()
    typed: Any = OmegaConf.to_container(job.overrides.task)
    loader = GlobalHydra.instance().config_loader()
    given: dict[str, str] = {}
    for default in loader.compute_defaults_list(job.job.config_name, typed, RunMode.RUN).defaults:
        file = _file(f"{default.config_path}.yaml", job)
        if file:
            given |= dict.fromkeys(_keys_in(file, default.package or ""), _shown(file))
    raw: Any = OmegaConf.to_container(config)
    typed_keys = tuple(override.partition("=")[0].lstrip("+") for override in typed)
    return {key: TYPED if key in typed_keys else given.get(key, TYPED) for key, _ in leaves(raw)}


def _file(name: str, job: HydraConf) -> Path | None:
    """Return the file of a config: the project's, else the package's."""
    sources = [
        Path(source.path) for source in job.runtime.config_sources if source.schema == "file"
    ]
    files = (folder / name for folder in (*sources, PACKAGED_CONFIGS))
    return next((file for file in files if file.is_file()), None)


def _shown(file: Path) -> str:
    package = PACKAGED_CONFIGS.parents[1]
    return str(file.relative_to(package) if file.is_relative_to(package) else os.path.relpath(file))


def leaves(config: Mapping[Any, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the keys that have a value and no keys below them, with their values."""
    for name, value in config.items():
        if isinstance(value, Mapping) and value:
            yield from leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _keys_in(file: Path, package: str) -> Iterator[str]:
    content = yaml.safe_load(file.read_text()) or {}
    content.pop("defaults", None)
    for key, _ in leaves(content):
        yield f"{package}.{key}" if package else key
    if not content:
        yield package
