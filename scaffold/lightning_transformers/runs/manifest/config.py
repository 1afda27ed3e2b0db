"""The config as a run folder keeps it: resolved, without values of environment variables."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.resolvers import oc


def without_environment(config: DictConfig) -> DictConfig:
    """Return a config with its interpolations resolved, except for those that depend on `oc.env`.

    An environment variable may hold a secret: a value that depends on one, directly or through
    other interpolations, stays an interpolation, such as `${oc.env:TOKEN}`.
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
    """Yield a list that collects the environment variables that interpolations read."""
    read: list[str] = []

    def env(name: str, *default: object) -> object:
        read.append(name)
        return oc.env(name, *default)

    OmegaConf.register_new_resolver("oc.env", env, replace=True)
    try:
        yield read
    finally:
        OmegaConf.register_new_resolver("oc.env", oc.env, replace=True)
