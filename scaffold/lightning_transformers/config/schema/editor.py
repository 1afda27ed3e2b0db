"""The JSON schema with which editors complete, explain and check the YAML files of a project.

One schema serves all files: a mapping with `_target_` has the arguments of that class, and a file
without one those of the class that the config in its defaults list names.
"""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.base.value_types import json_schema
from lightning_transformers.config.config_tree import PACKAGED_CONFIGS
from lightning_transformers.config.schema.check import (
    BACKBONE,
    INSTANTIATION,
    described,
    shipped_targets,
)
from lightning_transformers.config.schema.keys import Cluster, Repeat, TopLevel, Training
from lightning_transformers.config.schema.signatures import Argument, Target, describe
from lightning_transformers.config.targets import targets

MODELINE = "# yaml-language-server: $schema="
INSTANCE = {"$ref": "#/definitions/instance"}
TRAINER = "pytorch_lightning.Trainer"


def write_schema(config_dir: Path) -> Iterator[str]:
    """Write `schema.json`, and its path in the first line of each YAML file.

    Args:
        config_dir: the `conf` of a project.

    Yields:
        The path of each file that has changed.

    Raises:
        ConfigurationError: for the configs of the package, or a class that is not found.
    """
    if config_dir == PACKAGED_CONFIGS:
        raise ConfigurationError("no conf/config.yaml here: run it in the folder of a project")
    schema = config_dir / "schema.json"
    texts = {schema: json.dumps(editor_schema(config_dir), indent=1, ensure_ascii=False) + "\n"}
    for file in sorted(config_dir.rglob("*.yaml")):
        text = file.read_text(encoding="utf-8")
        if MODELINE not in text:
            path = os.path.relpath(schema, file.parent).replace(os.sep, "/")
            texts[file] = f"{MODELINE}{path}\n{text}"
    for file, text in texts.items():
        if not file.is_file() or file.read_text(encoding="utf-8") != text:
            file.write_text(text, encoding="utf-8")
            yield os.path.relpath(file)


def editor_schema(config_dir: Path) -> dict[str, Any]:
    """Return the JSON schema of the YAML files below a folder.

    Args:
        config_dir: the `conf` of a project; classes that its files name are imported.

    Raises:
        ArgumentError: for a class that is not found.
    """
    named = dict(shipped_targets())
    bases: dict[str, str] = {}
    for folder in (PACKAGED_CONFIGS, config_dir):
        for option, content in configs_in(folder):
            for key, mapping in targets(option, content):
                if (path := mapping["_target_"]) != "???" and folder == config_dir:
                    named[path] = described(path, key)
            bases[f"/{option}"] = str(content.get("_target_") or inherited(content, bases))
    groups = {
        "trainer": _reference(TRAINER),
        "backbone": _reference(BACKBONE),
        "training": _mapping(describe(Training)),
        "repeat": _mapping(describe(Repeat)),
        "cluster": _mapping(describe(Cluster)),
    }
    of_base = [
        {"if": _has("defaults", {"contains": {"const": base}}), "then": _reference(path)}
        for base, path in bases.items()
        if path in named
    ]
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "if": {"required": ["_target_"]},
        "then": INSTANCE,
        "else": {
            "allOf": of_base,
            "properties": groups | _properties(describe(TopLevel).arguments),
            "additionalProperties": {"if": {"type": "object"}, "then": INSTANCE},
        },
        "definitions": {
            "instance": {
                "allOf": [
                    {"if": _has("_target_", {"const": path}), "then": _reference(path)}
                    for path in named
                ]
            },
            **{path: _mapping(target) for path, target in named.items()},
        },
    }


def configs_in(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each config below a folder as an option, such as `task/nlp/mine`, with its content.

    A config comes after those of the same folder on which it may be based.

    Args:
        folder: a folder `conf`.
    """
    for file in sorted(folder.rglob("*.yaml"), key=lambda f: (f.stem != "default", f)):
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
        if isinstance(content, dict):
            yield file.relative_to(folder).with_suffix("").as_posix(), content


def inherited(content: Mapping[str, Any], bases: Mapping[str, str]) -> str | None:
    """Return the `_target_` that a config has from its defaults list, or None.

    Args:
        content: the config.
        bases: the `_target_` of each option that came before it.
    """
    found = (bases.get(str(entry)) for entry in content.get("defaults", []))
    return next(filter(None, found), None)


def _has(key: str, value: object) -> dict[str, Any]:
    return {"required": [key], "properties": {key: value}}


def _reference(path: str) -> dict[str, str]:
    return {"$ref": f"#/definitions/{path}"}


def _mapping(target: Target) -> dict[str, Any]:
    hydra_keys: dict[str, Any] = {key: {} for key in (*INSTANTIATION, "defaults")}
    return {
        "type": "object",
        "description": target.meaning,
        "properties": hydra_keys | _properties(target.arguments),
        "additionalProperties": target.is_open,
    }


def _properties(arguments: Mapping[str, Argument]) -> dict[str, Any]:
    return {name: _property(argument) for name, argument in arguments.items()}


def _property(argument: Argument) -> dict[str, Any]:
    schema = json_schema(argument.type, argument.bounds)
    if argument.meaning:
        schema["description"] = argument.meaning
    return schema if argument.required else schema | {"default": argument.default}
