"""Two versions of a YAML file, mixed by keys; the mix is only read by programs."""

from collections.abc import Collection
from typing import Any

import yaml

HEADER = "header"


class YamlKeys:
    """The keys that differ, dotted; a list is one value.

    Args:
        before: the former text.
        after: the new text.

    Raises:
        ValueError: if one of them is not a YAML mapping.
    """

    def __init__(self, before: str, after: str) -> None:
        self.texts = before, after
        self.old, self.new = (_leaves(text) for text in self.texts)
        self.headers = _header(before), _header(after)

    def changed(self) -> list[str]:
        """Return the keys that differ, in the order of the new version."""
        keys = [k for k in {**self.new, **self.old} if self._form(k, 0) != self._form(k, 1)]
        names = [".".join(key) for key in keys]
        return [HEADER] * (self.headers[0] != self.headers[1]) + names

    def _form(self, key: tuple[str, ...], version: int) -> str | None:
        node = (self.old, self.new)[version].get(key)
        return None if node is None else _text(node)

    def rendered(self, chosen: Collection[str]) -> str:
        """Return the file with some of the changed keys."""
        root = yaml.MappingNode("tag:yaml.org,2002:map", [])
        for key in {**self.new, **self.old}:
            is_chosen = ".".join(key) in chosen or self._form(key, 0) == self._form(key, 1)
            node = (self.new if is_chosen else self.old).get(key)
            if node is not None:
                _set(root, key, node)
        return self.headers[HEADER in chosen] + yaml.serialize(root)

    def words(self, part: str) -> tuple[set[str], set[str]]:
        """Return the last word of a key before and after; empty where the key is missing."""
        key = tuple(part.split("."))
        word = {key[-1]}
        return (word if key in self.old else set()), (word if key in self.new else set())


def _leaves(text: str) -> dict[tuple[str, ...], Any]:
    """Return the nodes of all values but mappings with keys, by path of keys."""
    try:
        root = yaml.compose(text, yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from None
    if not isinstance(root, yaml.MappingNode):
        raise ValueError("not a mapping")
    found = {}
    pending: list[tuple[tuple[str, ...], Any]] = [((), root)]
    while pending:
        path, node = pending.pop(0)
        if isinstance(node, yaml.MappingNode) and node.value:
            pending[:0] = [((*path, str(key.value)), value) for key, value in node.value]
        else:
            found[path] = node
    return found


def _set(root: Any, key: tuple[str, ...], node: Any) -> None:
    for name in key[:-1]:
        inner = next((value for k, value in root.value if k.value == name), None)
        if not isinstance(inner, yaml.MappingNode):
            inner = yaml.MappingNode("tag:yaml.org,2002:map", [])
            root.value.append((yaml.ScalarNode("tag:yaml.org,2002:str", name), inner))
        root = inner
    root.value.append((yaml.ScalarNode("tag:yaml.org,2002:str", key[-1]), node))


def _text(node: Any) -> str:
    return str(yaml.serialize(node))


def _header(text: str) -> str:
    """Return the comments above the first key, which Hydra reads: `# @package task`."""
    lines = text.splitlines(keepends=True)
    return "".join(line for line in lines if line.startswith("# @package"))
