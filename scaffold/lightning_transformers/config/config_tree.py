"""Read the config tree: groups, their options, and keys."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.core.global_hydra import GlobalHydra
from hydra.core.object_type import ObjectType
from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

PACKAGED_CONFIGS = Path(__file__).parents[1] / "conf"
CONFIG = "config"
"""Name of the primary config, `config.yaml`."""

BASE_OPTION = "default"
"""Last part of the name of a base config in the group `task`."""


def to_dict(
    config: DictConfig | ListConfig, *, resolve: bool = True, throw_on_missing: bool = False
) -> dict[str, Any]:
    """Return a config as plain Python.

    Args:
        config: a mapping.
        resolve: resolve interpolations.
        throw_on_missing: raise omegaconf's MissingMandatoryValue for `???`.
    """
    values = OmegaConf.to_container(config, resolve=resolve, throw_on_missing=throw_on_missing)
    assert isinstance(values, dict)
    return {str(key): value for key, value in values.items()}


def value_at(config: DictConfig, key: str) -> object:
    """Return the value of a key as plain Python, None if it is not in the config.

    It is the interpolation, as written, if that resolves only in a run.

    Args:
        config: the composed config.
        key: dotted key.
    """
    try:
        value = OmegaConf.select(config, key)
    except OmegaConfBaseException:
        node, _, name = key.rpartition(".")
        value = to_dict(OmegaConf.select(config, node) if node else config, resolve=False)[name]
    return OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value


def keys_in_file(file: Path) -> frozenset[str]:
    """Return the top-level keys of a config file and the groups of its defaults list."""
    config = OmegaConf.load(file)
    assert isinstance(config, DictConfig)
    chosen = [name for entry in config.pop("defaults", []) if entry != "_self_" for name in entry]
    return frozenset({*map(str, config), *(name.removeprefix("optional ") for name in chosen)})


def group_names() -> list[str]:
    """Return the config groups of the project and the package; Hydra must be initialized."""
    loader = GlobalHydra.instance().config_loader()
    return sorted({*loader.get_group_options("", ObjectType.GROUP, CONFIG)} - {"hydra"})


def options_of(group: str) -> list[str]:
    """Return the options of a group, such as `nlp/gpt2`; Hydra must be initialized.

    The base configs of the group `task` are omitted: they have no `_target_`.
    """
    loader = GlobalHydra.instance().config_loader()
    options = loader.get_group_options(group, ObjectType.CONFIG, CONFIG)
    if group.partition("/")[0] == "task":
        options = [option for option in options if option != BASE_OPTION]
    for folder in loader.get_group_options(group, ObjectType.GROUP, CONFIG):
        options += [f"{folder}/{option}" for option in options_of(f"{group}/{folder}")]
    return sorted(options)


def in_file_with(text: str, folder: Path, typed: Sequence[str]) -> str:
    """Return `<file>: ` for the config file that contains a text, or "" if it is ambiguous.

    Args:
        text: the text to find.
        folder: the folder of `config.yaml`.
        typed: the overrides; a file that they choose takes precedence.
    """
    files = [file for file in folder.rglob("*.yaml") if text in file.read_text(encoding="utf-8")]
    names = {file: file.relative_to(folder).with_suffix("").as_posix() for file in files}
    chosen = [file for file in files if names[file].replace("/", "=", 1) in typed]
    one = chosen[:1] or (files if len(files) == 1 else [])
    return "".join(f"{os.path.relpath(file)}: " for file in one)
