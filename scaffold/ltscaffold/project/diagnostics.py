"""Findings in the code and the configs of a component; nothing is imported or run."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from ltscaffold.project.python_code import defined_names, methods
from ltscaffold.project.removed_hooks import removed_hooks
from ltscaffold.record.answers import Component
from ltscaffold.record.component_types import COMPONENT_TYPES
from ltscaffold.templating.catalog import Catalog
from ltscaffold.writing.plan import read

IGNORED_BY_GIT = "git ignores it; `copier update` loses edits in such a file"


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


def check_code(
    path: str, content: bytes, component: Component, catalog: Catalog
) -> Iterator[Finding]:
    """Yield a syntax error, and hooks that Lightning does not call, or not like this."""
    try:
        ast.parse(content)
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", 0) or 0
        yield Finding("syntax-error", path, line, f"no valid Python: {error.args[0]}")
        return
    component_type = COMPONENT_TYPES[component.type]
    component_class, hooks = (
        component_type.class_name(component.name),
        catalog.hook_names(component_type),
    )
    for place in removed_hooks(path, content, {component_class: component.type}):
        yield Finding("former-hook", place.path, place.line, place.message)
    for class_name, method in methods(content):
        if class_name == component_class and method.name in hooks:
            yield from check_signature(
                path, method, catalog.hook(component_type, method.name)["parameters"]
            )


def check_signature(path: str, method: ast.FunctionDef, parameters: list[str]) -> Iterator[Finding]:
    """Yield a finding if a hook cannot be called with the arguments that it is given."""
    expected = ["self", *(parameter.split(":")[0] for parameter in parameters)]
    taken = [argument.arg for argument in (*method.args.posonlyargs, *method.args.args)]
    required, given = len(taken) - len(method.args.defaults), len(expected)
    if not required <= given or (given > len(taken) and method.args.vararg is None):
        message = f"{method.name}({', '.join(taken)}) is called with ({', '.join(expected)})"
        yield Finding("hook-signature", path, method.lineno, message)


def check_config(project: Path, path: str, content: bytes) -> Iterator[Finding]:
    """Yield YAML that cannot be read, and each `_target_` that the project does not define."""
    try:
        config = yaml.compose(content, yaml.SafeLoader)
    except (yaml.YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        message = "no valid YAML: " + " ".join(str(error).split())[:120]
        yield Finding("yaml-error", path, mark.line + 1 if mark else 0, message)
        return
    for line, target in find_targets(config):
        module, _, name = target.rpartition(".")
        code = read(project, module.replace(".", "/") + ".py")
        if code is None and (project / module.split(".")[0]).is_dir():
            yield Finding("target", path, line, f"_target_ {target}: there is no module {module}")
        elif code is not None and name not in defined_names(code):
            yield Finding("target", path, line, f"_target_ {target}: {module} defines no {name}")


def find_targets(node: yaml.Node | None) -> Iterator[tuple[int, str]]:
    """Yield each `_target_` in a config with its line."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == "_target_" and isinstance(value, yaml.ScalarNode):
                yield value.start_mark.line + 1, value.value
            else:
                yield from find_targets(value)
