"""Findings in a config: the classes that it names, and the keys that they lack."""

import ast
import re
from collections.abc import Iterator

import yaml

from ltscaffold.errors import unknown
from ltscaffold.project.classes.source import ClassSource, Sources
from ltscaffold.project.diagnostics import Finding
from ltscaffold.record.component_types import CALLBACK

LOADER = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
LIBRARIES = ("pytorch_lightning", "lightning_fabric", "torch")


def check_config(sources: Sources, path: str, content: bytes) -> Iterator[Finding]:
    """Yield a YAML error, each `_target_` in the project that does not exist, and unknown keys.

    Args:
        sources: the classes of the project.
        path: the file, for the findings.
        content: the YAML of the file.
    """
    try:
        loader = LOADER(content)
        if config := loader.get_single_node():
            loader.construct_document(config)  # refuses complex keys and endless aliases
    except (yaml.YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        reason = getattr(error, "problem", None) or str(error)
        message = "invalid YAML: " + " ".join(reason.split())[:120]
        yield Finding("yaml-error", path, mark.line + 1 if mark else 0, message)
        return
    for node, line, target in find_targets(config):
        module_name, _, name = target.rpartition(".")
        if not (sources.project / target.partition(".")[0]).is_dir():
            continue
        module, found = sources.module(module_name), sources.find(target)
        if found:
            yield from check_keys(sources, path, node, found)
        elif module is None and not sources.find(module_name):  # a class, for one of its methods
            fact = f"{module_name} does not exist"
            yield Finding("target", path, line, f"_target_ {target}: {fact}")
        elif module and not (module.star_imports or name in module.names):
            yield Finding("target", path, line, f"_target_ {target}: {module_name} has no {name}")


def find_targets(node: yaml.Node | None) -> Iterator[tuple[yaml.MappingNode, int, str]]:
    """Yield each mapping with a `_target_` in a config, with the line and value of this key."""
    if isinstance(node, yaml.SequenceNode):
        for each in node.value:
            yield from find_targets(each)
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == "_target_" and isinstance(value, yaml.ScalarNode):
                yield node, value.start_mark.line + 1, value.value
            else:
                yield from find_targets(value)


def check_keys(
    sources: Sources, path: str, mapping: yaml.MappingNode, owner: ClassSource
) -> Iterator[Finding]:
    """Yield the keys next to a `_target_` that its class does not declare.

    Args:
        sources: the classes of the project.
        path: the file of the config, for the findings.
        mapping: the `_target_` and its arguments.
        owner: the class that it names; one of no component yields nothing.
    """
    arguments, is_callback = arguments_of(sources, owner), owner.component_type == CALLBACK.name
    if arguments is None:
        return
    for node, _ in mapping.value:
        key, line = node.value, node.start_mark.line + 1
        if key in arguments or re.fullmatch(r"_\w+_|defaults|<<", key):
            continue
        holder = next((each for each in owner.ancestry if key in each.members), owner)
        member = holder.members.get(key)
        if isinstance(member, ast.Assign) and sources.is_own(holder) and not is_callback:
            place = holder.module.path.relative_to(sources.project).as_posix()
            message = f"{key} has no annotation, so {path}:{line} cannot set it; annotate it"
            yield Finding("hyperparameter", place, member.lineno, message)
            continue
        how = "an argument of __init__" if is_callback else "an annotated attribute"
        noun = f"key of {owner.node.name}"
        error = unknown(noun, key, arguments, f"remove it, or declare {how}")
        yield Finding("unknown-key", path, line, str(error))


def arguments_of(sources: Sources, owner: ClassSource) -> set[str] | None:
    """Return the keyword arguments of a class with its hyperparameters; None: any or unknown."""
    if owner.component_type is None or not owner.is_complete or owner.node.decorator_list:
        return None  # such as the decorator of a dataclass
    names, is_open = set[str](), False
    for each in owner.ancestry:
        init = each.members.get("__init__")
        if isinstance(init, ast.FunctionDef):
            given = init.args
            names |= {a.arg for a in (*given.posonlyargs, *given.args, *given.kwonlyargs)}
            if sources.is_own(each):  # such as `kwargs.pop("name")`
                constants = (n.value for n in ast.walk(init) if isinstance(n, ast.Constant))
                names |= {value for value in constants if isinstance(value, str)}
            is_open = given.kwarg is not None
            if not is_open:
                return names
        if each.is_in("lightning_transformers.core"):
            return names | declared(owner)
    return None if is_open else names


def declared(owner: ClassSource) -> set[str]:
    """Return the hyperparameters of a task or data module: annotated, public, no ClassVar."""
    sets = (each.annotated for each in owner.ancestry if not any(map(each.is_in, LIBRARIES)))
    return set().union(*sets)
