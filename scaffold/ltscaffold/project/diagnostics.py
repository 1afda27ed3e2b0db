"""Findings in the code and the configs of a component; nothing is imported or run."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from ltscaffold.project.removed_hooks import removed_hooks
from ltscaffold.record.answers import Item
from ltscaffold.record.component_types import COMPONENT_TYPES
from ltscaffold.templating.catalog import Catalog
from ltscaffold.writing.plan import read

IGNORED = "git ignores it; `copier update` loses edits in such a file"


@dataclass(frozen=True)
class Finding:
    """What is wrong, where, and what to do.

    Attributes:
        code: a word for the kind of finding, such as "missing-file".
        path: relative to the project; empty where it is no file.
        line: from 1; 0 for the file as a whole.
        message: the fact and the next step.
    """

    code: str
    path: str
    line: int
    message: str


def check_code(path: str, content: bytes, item: Item, catalog: Catalog) -> Iterator[Finding]:
    """Yield a syntax error, and hooks that Lightning does not call, or not like this."""
    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", 0) or 0
        yield Finding("syntax-error", path, line, f"no valid Python: {error.args[0]}")
        return
    kind = COMPONENT_TYPES[item.kind]
    for place in removed_hooks(path, content, {kind.class_name(item.name): item.kind}):
        yield Finding("former-hook", place.path, place.line, place.message)
    hooks = set(catalog.hook_names(kind))
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name == kind.class_name(item.name):
            for method in node.body:
                if isinstance(method, ast.FunctionDef) and method.name in hooks:
                    parameters = catalog.hook(kind, method.name)["parameters"]
                    yield from check_signature(path, method, parameters)


def check_signature(path: str, method: ast.FunctionDef, parameters: list[str]) -> Iterator[Finding]:
    """Yield a finding if a hook cannot be called with the arguments that it is given."""
    expected = ["self", *(parameter.split(":")[0] for parameter in parameters)]
    taken = [argument.arg for argument in (*method.args.posonlyargs, *method.args.args)]
    required = len(taken) - len(method.args.defaults)
    fits = required <= len(expected) <= len(taken) or (
        method.args.vararg is not None and required <= len(expected)
    )
    if not fits:
        yield Finding(
            "hook-signature",
            path,
            method.lineno,
            f"{method.name}({', '.join(taken)}) is called with ({', '.join(expected)})",
        )


def check_config(project: Path, path: str, content: bytes) -> Iterator[Finding]:
    """Yield YAML that cannot be read, and a `_target_` in the project that is not there."""
    try:
        config = yaml.safe_load(content)
    except (yaml.YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 0
        yield Finding(
            "yaml-error", path, line, "no valid YAML: " + " ".join(str(error).split())[:120]
        )
        return
    for line, target in targets(content.decode(), config):
        module, _, name = target.rpartition(".")
        code = read(project, module.replace(".", "/") + ".py")
        if code is None and (project / module.split(".")[0]).is_dir():
            yield Finding("target", path, line, f"_target_ {target}: there is no module {module}")
        elif code is not None and name not in defined(code):
            yield Finding("target", path, line, f"_target_ {target}: {module} defines no {name}")


def targets(text: str, config: object) -> Iterator[tuple[int, str]]:
    """Yield each `_target_` in a config with its line."""
    if isinstance(config, dict):
        for key, value in config.items():
            if key == "_target_" and isinstance(value, str):
                lines = text.splitlines()
                numbers = [n for n, line in enumerate(lines, 1) if value in line]
                yield (numbers or [0])[0], value
            else:
                yield from targets(text, value)


def defined(code: bytes) -> set[str]:
    """Return the names that a module defines or imports; of broken code, none."""
    try:
        body = ast.parse(code).body
    except (SyntaxError, ValueError):
        return set()
    names = {node.name for node in body if isinstance(node, ast.ClassDef | ast.FunctionDef)}
    for node in body:
        if isinstance(node, ast.ImportFrom | ast.Import):
            names |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
        elif isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return names
