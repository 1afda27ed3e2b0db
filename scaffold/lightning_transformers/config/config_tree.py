"""What the config files hold: options of groups, names, and which file gives a key."""

import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.object_type import ObjectType
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

PACKAGED_CONFIGS = Path(__file__).parents[1] / "conf"
CONFIG = "config"
"""Name of the primary config."""

GROUND = "default"
"""Last part of the options of the group `task` that tasks are built on."""


@cache
def names_of(file: str) -> frozenset[str]:
    """Return the keys that a config file of the package gives, those of its defaults among them."""
    config = OmegaConf.load(PACKAGED_CONFIGS / file)
    assert isinstance(config, DictConfig)
    chosen = [name for entry in config.pop("defaults", []) if entry != "_self_" for name in entry]
    return frozenset({*map(str, config), *(name.removeprefix("optional ") for name in chosen)})


def group_names() -> list[str]:
    """Return the config groups of the project and of the package, while Hydra is initialized."""
    loader = GlobalHydra.instance().config_loader()
    return sorted({*loader.get_group_options("", ObjectType.GROUP, CONFIG)} - {"hydra"})


def options_of(group: str) -> list[str]:
    """Return the options of a group, such as `nlp/gpt2`, as `group_names` does the groups.

    The defaults of the group `task` are left out: they name no class.
    """
    loader = GlobalHydra.instance().config_loader()
    options = loader.get_group_options(group, ObjectType.CONFIG, CONFIG)
    if group.partition("/")[0] == "task":
        options = [option for option in options if option != GROUND]
    for folder in loader.get_group_options(group, ObjectType.GROUP, CONFIG):
        options += [f"{folder}/{option}" for option in options_of(f"{group}/{folder}")]
    return sorted(options)


def origin(key: str) -> str:
    """Return `<file>: ` for the file of the project that gives a key to the present run.

    Nothing is returned for a key that was typed, and outside of a run.
    """
    if not (HydraConfig.initialized() and GlobalHydra.instance().is_initialized()):
        return ""
    job = HydraConfig.get()
    typed: Any = OmegaConf.to_container(job.overrides.task)
    is_group = key in job.runtime.choices  # typed is then its option, and not its content
    if not is_group and any(word.lstrip("+").startswith(f"{key}=") for word in typed):
        return ""
    sources = [Path(s.path) for s in job.runtime.config_sources if s.schema == "file"]
    folders = [source for source in sources if source != PACKAGED_CONFIGS]
    try:
        defaults = (
            GlobalHydra.instance()
            .config_loader()
            .compute_defaults_list(job.job.config_name, typed, RunMode.RUN)
        )
    except HydraException:
        return ""
    for default in reversed(defaults.defaults):
        for folder in folders:
            file = folder / f"{default.config_path}.yaml"
            if file.is_file() and _gives(file, key, default.package or ""):
                return f"{os.path.relpath(file)}: "
    return ""


def file_with(text: str, folder: Path, typed: Sequence[str]) -> str:
    """Return `<file>: ` for the config file that a text occurs in, or nothing if several might be.

    Args:
        text: what to look for.
        folder: of `config.yaml`.
        typed: the overrides; a file that they choose comes before all others.
    """
    files = [file for file in folder.rglob("*.yaml") if text in file.read_text()]
    names = {file: file.relative_to(folder).with_suffix("").as_posix() for file in files}
    chosen = [file for file in files if names[file].replace("/", "=", 1) in typed]
    one = chosen[:1] or (files if len(files) == 1 else [])
    return "".join(f"{os.path.relpath(file)}: " for file in one)


def _gives(file: Path, key: str, package: str) -> bool:
    node: Any = yaml.safe_load(file.read_text())
    for name in reversed(package.split(".") if package else []):
        node = {name: node}
    for name in key.split("."):
        if not isinstance(node, dict) or name not in node:
            return False
        node = node[name]
    return True
