"""Keys of lightning-transformers in a config, all reported at once with their present spelling."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from inspect import signature
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.base.hyperparameters import annotations_of
from lightning_transformers.config.config_tree import to_dict
from lightning_transformers.config.legacy import INTERPOLATIONS, former_key, legacy_hint
from lightning_transformers.config.provenance import in_file, leaves
from lightning_transformers.config.targets import PACKAGE, locate

NESTED = ("dataset.cfg.", "task.cfg.")
"""Keys that a class of the project may declare."""
SECTIONS = (*NESTED, "trainer.", "training.output_dir")
"""Keys whose former spelling cannot be a valid one, except below `plugins`."""


def check_former_keys(config: DictConfig) -> None:
    """Check a composed config for keys of lightning-transformers.

    Raises:
        ConfigurationError: for all of them in one line, with the files that have them.
    """
    if lines := former_keys(config):
        raise ConfigurationError("; ".join(lines))


def former_keys(config: DictConfig) -> list[str]:
    """Return a line per file, and one for the command line, with its former keys and the present.

    Args:
        config: the composed config, resolved or not.
    """
    found: dict[str, list[str]] = defaultdict(list)
    for key, hint in _hints(config):
        place = in_file(key)
        found[place].append(_without_value(hint) if place else hint)
    return [f"{place}{'; '.join(hints)}" for place, hints in found.items()]


def former_overrides(typed: Sequence[str], config_dir: Path) -> list[str]:
    """Return the present spelling of overrides that cannot be composed, and of other former keys.

    Args:
        typed: the overrides of the command line.
        config_dir: the folder of `config.yaml`, with which Hydra must be initialized.
    """
    former = [override for override in typed if legacy_hint(override)]
    dataset: Sequence[str] | None = None
    others: list[str] = []
    with suppress(Exception):  # another mistake, which is reported next
        rest = [override for override in typed if override not in former]
        config = hydra.compose("config", overrides=rest, return_hydra_config=True)
        HydraConfig.instance().set_config(config)
        dataset = [*map(str, config.get("dataset", {}))]
        others = former_keys(config)
    return [*filter(None, (legacy_hint(override, dataset) for override in former)), *others]


def _hints(config: DictConfig) -> Iterator[tuple[str, str]]:
    """Yield each former key of a config, and its hint."""
    values = to_dict(config, resolve=False)
    values.pop("hydra", None)
    dataset = [name for name in values.get("dataset") or {} if name != "cfg"]
    declared = tuple(f"{key}." for key in ("dataset.cfg", "task.cfg") if _is_declared(config, key))
    for key, value in leaves(values):
        for name in re.findall(r"\$\{([\w.]+)\}", str(value)):
            if name in INTERPOLATIONS and OmegaConf.select(config, name) is None:
                now = f"${{{INTERPOLATIONS[name]}}}"
                if INTERPOLATIONS[name] == key:
                    now = "a value, such as 5e-5"
                yield key, f"{key}=${{{name}}} is now {now}"
        is_known = key.startswith((*declared, "trainer.plugins")) or not key.startswith(SECTIONS)
        if not is_known:
            text = value if isinstance(value, str) else OmegaConf.to_yaml([value])[2:].strip()
            if hint := former_key(key, text, dataset):
                yield key, hint


def _is_declared(config: DictConfig, key: str) -> bool:
    """Return whether the class of a group declares a key `cfg` itself."""
    group, _, name = key.partition(".")
    node = config.get(group)
    if not isinstance(node, DictConfig) or name not in node:
        return False
    target = str(node.get("_target_", PACKAGE))
    if target.startswith(PACKAGE):
        return False
    with suppress(ImportError, ConfigurationError, TypeError):
        found = locate(target, f"{group}._target_")
        declared = [annotations_of(base) for base in getattr(found, "__mro__", ())]
        return name in signature(found).parameters or any(name in each for each in declared)
    return False


def _without_value(hint: str) -> str:
    """Return `a=1 is now b=1` as `a is now b`, for a key of a file; any other hint unchanged."""
    matched = re.fullmatch(r"([\w.]+)=(.*) is now ([\w.]+)=(.*)", hint)
    return f"{matched[1]} is now {matched[3]}" if matched and matched[2] == matched[4] else hint
