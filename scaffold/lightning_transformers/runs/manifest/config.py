"""The config of a run as its folder keeps it: without what environment variables hold."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.resolvers import oc


def without_environment(config: DictConfig) -> DictConfig:
    """Return a config with its interpolations worked out, except for those that need `oc.env`.

    What an environment variable holds may be a secret. A value that follows from one stays as it
    is written, however many interpolations are between them.
    """
    with _variables() as read:
        return OmegaConf.create({str(key): _value(config, key, read) for key in config})


def _plain(node: object, read: list[str]) -> object:
    if isinstance(node, DictConfig):
        return {key: _value(node, key, read) for key in node}
    if isinstance(node, ListConfig):
        return [_value(node, index, read) for index in range(len(node))]
    return node


def _value(parent: Any, key: Any, read: list[str]) -> object:
    written = parent._get_node(key)._value()
    if OmegaConf.is_missing(parent, key):
        return written
    if not OmegaConf.is_interpolation(parent, key):
        return _plain(parent[key], read)
    read.clear()
    value = parent[key]
    if OmegaConf.is_config(value):
        value = OmegaConf.to_container(value, resolve=True)
    return written if read else value


@contextmanager
def _variables() -> Iterator[list[str]]:
    """Give a list of the environment variables that are read by interpolations from now on."""
    read: list[str] = []

    def env(name: str, *default: object) -> object:
        read.append(name)
        return oc.env(name, *default)

    OmegaConf.register_new_resolver("oc.env", env, replace=True)
    try:
        yield read
    finally:
        OmegaConf.register_new_resolver("oc.env", oc.env, replace=True)
